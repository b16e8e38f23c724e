from radars.tracking.heat_map import heat_map


def test_likelier_is_darker_and_pruned_is_crossed_out() -> None:
    picture_HW3 = heat_map({"a": {"x": 0.9, "y": 0.1, "z": None}, "longer": {"x": 1.0}})
    height, width, colours = picture_HW3.shape
    assert str(picture_HW3.dtype) == "uint8"
    assert colours == 3
    assert height < width
    left = width - 3 * 22 - 4
    row = picture_HW3[7, left:]
    likely, unlikely = row[6].sum(), row[22 + 6].sum()
    assert likely < unlikely
    pruned = picture_HW3[3:20, left + 44 + 3 : left + 44 + 19]
    assert (pruned == 255).all(-1).any()
    assert (pruned == 128).all(-1).sum() > 20
