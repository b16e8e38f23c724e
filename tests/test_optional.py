from radars.optional import without_none


def test_what_is_none_was_not_given_and_all_else_was() -> None:
    given = without_none(seed=0, constraints=(), budget=None, data={}, resume=False)
    assert given == {"seed": 0, "constraints": (), "data": {}, "resume": False}
