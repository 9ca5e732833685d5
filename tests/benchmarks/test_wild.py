"""What the inspector finds, against a list of ruined frames."""

from benchmarks.wild import compare

LISTED = {
    "one--english": {"lip": [[2, 4], [8, 8]], "tongue": [[20, 21]], "doubtful": [[0, 4], [30, 39]]},
    "two--english": {},
    "absent--english": {"lip": [[0, 99]]},
}


def test_doubtful_frames_are_counted_neither_way_and_listed_ones_always() -> None:
    found = {"one--english": {3: "lip", 8: "lip", 20: "crooked", 0: "lip", 35: "lip", 50: "lip"}, "two--english": {}}
    said = compare(found, {"one--english": 60, "two--english": 40}, LISTED)
    assert said == ("3 of 6 ruined frames were found (lip 2 of 4, tongue 1 of 2); 1 false alarms in 82 good frames")
