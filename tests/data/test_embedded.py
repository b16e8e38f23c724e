from radars.data import DataConfig, load_data


def test_digits() -> None:
    data = load_data(DataConfig(), seed=0)
    assert data.num_classes == 10
    assert data.class_names == tuple("0123456789")
    assert data.input_shape == (1, 8, 8)
    assert (len(data.train), len(data.validation), len(data.test.open())) == (719, 719, 359)


def test_digits_use_the_whole_range() -> None:
    data = load_data(DataConfig(), seed=0)
    example_B = next(data.train.evaluation_batches(719)).example_B
    mean_C, std_C, _ = data.normalisation
    assert abs(float((example_B * std_C + mean_C).min())) < 1e-6
    assert abs(float((example_B * std_C + mean_C).max()) - 1) < 1e-6
