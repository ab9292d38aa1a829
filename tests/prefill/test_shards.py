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
    ("text", "variables", "number"),
    [
        ("3/16", {"JOB_COMPLETION_INDEX": "7"}, 3),
        (" 16/16 ", {}, 16),
        ("/16", {"JOB_COMPLETION_INDEX": "0"}, 1),
        ("/16", {"JOB_COMPLETION_INDEX": "15", "SLURM_ARRAY_TASK_ID": "2"}, 16),
        ("/16", {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_MIN": "1"}, 3),
        ("/16", {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_MIN": "0"}, 4),
    ],
)
def test_which_part_it_is(text: str, variables: dict[str, str], number: int) -> None:
    assert Shard.parse(text, variables) == Shard(number, 16)


@pytest.mark.parametrize(
    ("text", "variables", "complaint"),
    [
        ("3", {}, "--shard '3': must be such as 3/16, the third of sixteen parts, or /16"),
        ("0/16", {}, "--shard '0/16': there is no part 0 of 16; the first is 1"),
        ("17/16", {}, "--shard '17/16': there is no part 17 of 16; the first is 1"),
        ("1/0", {}, "--shard '1/0': there is no part 1 of 0"),
        ("/16", {"JOB_COMPLETION_INDEX": "16"}, "there is no part 17 of 16"),
        ("/16", {"JOB_COMPLETION_INDEX": "x"}, "JOB_COMPLETION_INDEX='x': must be a number"),
        ("/16", {}, "which part? neither JOB_COMPLETION_INDEX nor SLURM_ARRAY_TASK_ID is set; give it, such as 3/16"),
    ],
)
def test_what_is_no_part(text: str, variables: dict[str, str], complaint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Shard.parse(text, variables)
    assert complaint in str(caught.value)
