import pytest
from structlog.testing import capture_logs

from bot.rocketchat.realtime.sampled_warnings import SampledWarnings, format_origin


def test_a_repeated_warning_is_logged_ever_more_rarely() -> None:
    warnings = SampledWarnings()
    with capture_logs() as logs:
        for _ in range(1000):
            warnings.note("an unknown frame")
        warnings.note("another event")
    assert [log["count"] for log in logs] == [2**power for power in range(10)] + [1]


def test_the_origin_of_an_error_has_no_text_of_it() -> None:
    def fail() -> None:
        raise KeyError("private words")

    with pytest.raises(KeyError) as raised:
        fail()
    assert format_origin(raised.value).startswith("KeyError in fail, line ")
    assert format_origin(KeyError("never raised")) == "KeyError"
