"""Which part of the tasks a run does."""

import pytest

from wholebody.errors import SettingsError
from wholebody.prefill.shards import Shard


@pytest.mark.parametrize("count", [1, 2, 16])
def test_each_task_is_in_one_part(count: int) -> None:
    shards = [Shard(number, count) for number in range(1, count + 1)]
    assert all(sum(shard.has(place) for shard in shards) == 1 for place in range(100))
    assert Shard(1, count).has(0)


@pytest.mark.parametrize(
    ("text", "index", "number"), [("3/16", 7, 3), (" 16/16 ", None, 16), ("/16", 0, 1), ("/16", 15, 16)]
)
def test_which_part_it_is(text: str, index: int | None, number: int) -> None:
    assert Shard.parse(text, index) == Shard(number, 16)


@pytest.mark.parametrize(
    ("text", "index", "complaint"),
    [
        ("3", None, "--shard '3': must be such as 3/16, the third of sixteen parts, or /16"),
        ("0/16", None, "--shard '0/16': there is no part 0 of 16; the first is 1"),
        ("17/16", None, "--shard '17/16': there is no part 17 of 16; the first is 1"),
        ("1/0", None, "--shard '1/0': there is no part 1 of 0"),
        ("/16", 16, "there is no part 17 of 16"),
        ("/16", -1, "there is no part 0 of 16"),
        ("/16", None, "which part? neither JOB_COMPLETION_INDEX nor SLURM_ARRAY_TASK_ID is set; give it, such as 1/16"),
    ],
)
def test_what_is_no_part(text: str, index: int | None, complaint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Shard.parse(text, index)
    assert complaint in str(caught.value)
