from datetime import UTC, datetime, timedelta

from bot.dispatcher.server_clock import ServerClock

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


def test_the_workspaces_time_goes_on_from_what_it_told() -> None:
    seconds = [100.0]
    clock = ServerClock(lambda: seconds[0], timedelta(hours=1))
    assert clock.now is None
    clock.learn(NOW)
    seconds[0] = 130.0
    assert clock.now == NOW + timedelta(seconds=30)
    clock.learn(NOW)
    assert clock.now == NOW


def test_it_tells_by_how_much_the_servers_clock_was_put_back() -> None:
    seconds = [100.0]
    clock = ServerClock(lambda: seconds[0], timedelta(hours=1))
    assert clock.learn(NOW) == timedelta()
    seconds[0] = 130.0
    assert clock.learn(NOW) == timedelta(seconds=30)
    seconds[0] = 140.0
    assert clock.learn(NOW + timedelta(hours=1)) == timedelta()
