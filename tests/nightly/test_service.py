"""The service on a clock and nights of the test's own: no time passes."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from jfdask.nightly.health import KEPT
from jfdask.nightly.service import STEP_SECONDS, Plan, Service, Surroundings

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 8, 1, 10, tzinfo=UTC)  # 12:00 in Berlin
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Night:
    def __init__(self):
        self.code = None
        self.is_stopped = False

    def poll(self):
        return self.code

    def stop(self):
        self.is_stopped = True
        return 143


class World:
    """A service with what is around it."""

    def __init__(self, now=NOON, at=time(3, 30), zone=BERLIN, **plan):
        self.now = now
        self.nights: list[Night] = []
        self.begun: list[str] = []
        self.said: list[str] = []
        self.told = []
        self.error: OSError | None = None
        self.zone = zone
        plan = Plan(at, zone, **plan)
        around = Surroundings(self._begin, self.told.append, self.said.append, lambda: self.now)
        self.service = Service(plan, around)

    def _begin(self):
        if self.error:
            raise self.error
        self.begun.append(self.now.astimezone(self.zone).isoformat(timespec="minutes"))
        self.nights.append(Night())
        return self.nights[-1]

    def pass_time(self, length, step=MINUTE):
        """Let time pass, with looks of the service in between."""
        end = self.now + length
        while self.now < end:
            self.now = min(self.now + step, end)
            self.service.tick()

    def end_night(self, code=0):
        self.nights[-1].code = code
        self.service.tick()


def test_a_night_every_day():
    world = World()
    for _ in range(3):
        world.pass_time(DAY)
        world.end_night()
    assert world.begun == [f"2026-08-0{day}T03:30+02:00" for day in (2, 3, 4)]
    assert sum("done, all well (exit code 0" in said for said in world.said) == 3


def test_the_first_may_be_at_once():
    world = World(at_once=True)
    world.service.tick()
    assert world.begun == ["2026-08-01T12:00+02:00"]
    world.end_night()
    world.pass_time(DAY)
    assert world.begun == ["2026-08-01T12:00+02:00", "2026-08-02T03:30+02:00"]


def test_it_looks_often_and_in_time():
    world = World()
    assert world.service.tick() == STEP_SECONDS
    world.now = datetime(2026, 8, 2, 1, 29, 55, tzinfo=UTC)
    assert world.service.tick() == 5
    world.now += timedelta(seconds=5)
    assert world.service.tick() == STEP_SECONDS
    assert len(world.nights) == 1


def test_a_night_longer_than_a_day_lets_the_next_be_left_out():
    world = World()
    world.pass_time(2 * DAY)
    assert len(world.nights) == 1
    assert any("still under way: the one of now is left out; next: Tue" in s for s in world.said)
    world.end_night()
    world.pass_time(DAY)
    assert world.begun == ["2026-08-02T03:30+02:00", "2026-08-04T03:30+02:00"]


@pytest.mark.parametrize("code", [1, 2, 75, 3, 4, -9, 143])
def test_a_night_that_goes_wrong_does_not_end_the_service(code):
    world = World()
    world.pass_time(DAY)
    world.end_night(code)
    assert f"(exit code {code}, " in world.said[-1]
    assert "next: Mon 2026-08-03 03:30 CEST" in world.said[-1]
    assert world.service.health.exit_code == code
    world.pass_time(DAY)
    assert len(world.nights) == 2


def test_a_killed_night_is_told_with_its_signal():
    world = World(at_once=True)
    world.service.tick()
    world.end_night(-9)
    assert "The night failed, killed by SIGKILL, as the kernel does when memory" in world.said[-1]


def test_a_night_that_cannot_be_started_is_a_failed_one():
    world = World()
    world.error = OSError(12, "Cannot allocate memory")
    world.pass_time(DAY)
    assert "could not be started: [Errno 12] Cannot allocate memory" in world.said[-1]
    assert world.service.health.exit_code == 1
    world.error = None
    world.pass_time(DAY)
    assert len(world.nights) == 1


class TestTryingAgain:
    def test_not_unless_wanted(self):
        world = World()
        world.pass_time(16 * HOUR)
        world.end_night(1)
        world.pass_time(20 * HOUR)
        assert len(world.nights) == 1

    def test_until_one_ends_well(self):
        world = World(retry=timedelta(minutes=20))
        world.pass_time(15.5 * HOUR)
        world.end_night(1)
        assert "tried again: Sun 2026-08-02 03:50 CEST" in world.said[-1]
        world.pass_time(25 * MINUTE)
        world.end_night(KEPT)
        assert "Nothing could be done: the lists of an earlier night stay" in world.said[-1]
        world.pass_time(20 * MINUTE)
        world.end_night(0)
        world.pass_time(12 * HOUR)
        assert world.begun == [f"2026-08-02T{t}+02:00" for t in ("03:30", "03:50", "04:15")]

    @pytest.mark.parametrize("code", [0, 3, 75])
    def test_only_what_failed(self, code):
        world = World(retry=timedelta(minutes=20))
        world.pass_time(15.5 * HOUR)
        world.end_night(code)
        world.pass_time(12 * HOUR)
        assert len(world.nights) == 1

    def test_until_the_lock_of_a_killed_night_is_free(self):
        world = World(retry=timedelta(minutes=1))
        world.pass_time(15.5 * HOUR)
        world.end_night(-9)
        for _ in range(2):
            world.pass_time(2 * MINUTE)
            world.end_night(75)
            assert "(exit code -9)" in world.service.health.complaint(world.now, world.now)
            assert "tried again: " in world.said[-1]
        world.pass_time(2 * MINUTE)
        world.end_night(0)
        assert not world.service.health.has_failed
        world.pass_time(12 * HOUR)
        assert len(world.begun) == 4

    def test_the_next_night_takes_its_place(self):
        world = World(retry=20 * HOUR)
        world.pass_time(15.5 * HOUR)
        world.pass_time(10 * HOUR)
        world.end_night(1)  # at 13:30: tried again at 09:30
        world.pass_time(DAY)
        world.end_night(0)
        world.pass_time(12 * HOUR)
        assert world.begun == ["2026-08-02T03:30+02:00", "2026-08-03T03:30+02:00"]

    def test_a_clock_put_back_does_not_let_it_wait(self):
        world = World(retry=timedelta(minutes=20))
        world.pass_time(15.5 * HOUR)
        world.end_night(1)
        world.now -= 3 * HOUR
        world.pass_time(timedelta(minutes=21))
        assert len(world.nights) == 2


class TestClocksAndSuspends:
    def test_a_machine_that_slept_over_the_time_does_the_night_when_it_wakes(self):
        world = World()
        world.now += 20 * HOUR
        world.service.tick()
        assert world.begun == ["2026-08-02T08:00+02:00"]
        assert any("The night is 4 h 30 min late" in said for said in world.said)
        world.end_night()
        world.pass_time(DAY)
        assert world.begun[1:] == ["2026-08-03T03:30+02:00"]

    def test_one_that_slept_for_days_does_one_night(self):
        world = World()
        world.now += 5 * DAY
        world.service.tick()
        world.end_night()
        world.pass_time(HOUR)
        assert len(world.nights) == 1

    def test_a_clock_put_back_a_little_does_no_night_twice(self):
        world = World()
        world.pass_time(15.5 * HOUR)
        world.end_night()
        world.now -= 10 * MINUTE
        world.pass_time(HOUR)
        assert len(world.nights) == 1
        world.pass_time(DAY)
        assert len(world.nights) == 2

    def test_a_clock_that_was_years_ahead(self):
        world = World(now=NOON + 3000 * DAY)
        world.now = NOON
        world.pass_time(DAY)
        assert world.begun == ["2026-08-02T03:30+02:00"]

    def test_a_clock_that_was_years_ahead_over_a_night(self):
        world = World(now=NOON + 3000 * DAY)
        world.pass_time(DAY)
        world.end_night()
        world.now = NOON
        world.pass_time(DAY)
        assert world.begun[1:] == ["2026-08-02T03:30+02:00"]

    def test_a_clock_of_1970_that_is_set(self):
        world = World(now=datetime(1970, 1, 1, tzinfo=UTC))
        world.pass_time(HOUR)
        world.now = NOON
        world.service.tick()
        world.end_night()
        world.pass_time(DAY)
        assert world.begun == ["2026-08-01T12:00+02:00", "2026-08-02T03:30+02:00"]

    @pytest.mark.parametrize(
        ("start", "expected"),
        [
            (datetime(2026, 3, 28, 12, tzinfo=UTC), ["29T03:00+02:00", "30T02:30+02:00"]),
            (datetime(2026, 10, 24, 12, tzinfo=UTC), ["25T02:30+02:00", "26T02:30+01:00"]),
        ],
    )
    def test_summer_time_begins_and_ends(self, start, expected):
        world = World(now=start, at=time(2, 30))
        for _ in range(2):
            world.pass_time(DAY)
            world.end_night()
        assert [begun[8:] for begun in world.begun] == expected


class TestHealth:
    def test_it_is_told_at_every_look(self):
        world = World()
        world.pass_time(5 * MINUTE)
        assert len(world.told) == 5
        assert world.told[-1].started == NOON
        assert world.told[-1].begun is None

    def test_a_night_from_begin_to_end(self):
        world = World()
        world.pass_time(15.5 * HOUR)
        begun = datetime(2026, 8, 2, 1, 30, tzinfo=UTC)
        assert (world.told[-1].begun, world.told[-1].ended) == (begun, None)
        world.pass_time(MINUTE)
        world.end_night(3)
        last = world.told[-1]
        assert (last.begun, last.ended, last.exit_code) == (begun, begun + MINUTE, 3)
        assert last.due == begun + DAY

    def test_that_of_a_service_of_months_is_good_all_the_time(self):
        world = World(now=datetime(2026, 3, 20, tzinfo=UTC), at=time(2, 30))
        for _ in range(230):
            world.pass_time(DAY, step=30 * MINUTE)
            if world.nights[-1].code is None:
                world.end_night()
            now = world.now
            assert world.told[-1].complaint(now, now) is None
