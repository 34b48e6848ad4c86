"""Which channels a message may go by at present."""

from collections.abc import Iterable, Mapping, Sequence, Set

from daemon.dispatch.lane import Lane
from daemon.dispatch.prepare import Preparer
from daemon.dispatch.uplink import Uplink
from outbox.clock import Clock


class Ways:
    """All channels of the configuration, and the line that most of them need."""

    def __init__(self, lanes: Mapping[str, Lane], preparer: Preparer, uplink: Uplink, clock: Clock) -> None:
        self._lanes = lanes
        self._preparer = preparer
        self._uplink = uplink
        self._clock = clock

    def is_enabled(self, name: str) -> bool:
        """Whether there is such a channel, whatever keeps it from sending at present."""
        lane = self._lanes.get(name)
        return lane is not None and lane.channel is not None

    def is_usable(self, name: str) -> bool:
        """Whether a message may be sent by it, now or soon."""
        lane = self._lanes.get(name)
        return lane is not None and lane.usable(self._clock.now()) and not lane.rests_long(self._clock.monotonic())

    def is_reached(self, name: str) -> bool:
        """The same, but for what lies beyond a line that is down."""
        return self.is_usable(name) and not self.is_cut(self._lanes[name])

    def is_moving(self, name: str) -> bool:
        """Whether what is due there leaves at once: it waits for no rest, no probe and no network, nor for the time to be set."""
        lane = self._lanes.get(name)
        if lane is None or not self.is_reached(name):
            return False
        return not self.waits_for_the_time(lane) and not lane.is_stalled(self._clock.monotonic())

    def is_cut(self, lane: Lane) -> bool:
        """Whether the line is down that it needs."""
        return lane.is_cloud and self._uplink.stops(lane.name)

    def waits_for_the_time(self, lane: Lane) -> bool:
        """Whether its requests are signed with the time, which is not set."""
        return lane.channel is not None and lane.channel.needs_time and not self._preparer.clock_trusted()

    def takes_out_of_turn(self, name: str) -> bool:
        """The modem comes by itself for what waits elsewhere, and leaves it at its own channel, which sends it when the line is back first."""
        return self._uplink.is_down and not self._lanes[name].is_cloud

    def moving(self) -> Sequence[str]:
        """Those where what is due leaves at once."""
        return [name for name in self._lanes if self.is_moving(name)]

    def left_aside(self, names: Iterable[str]) -> Set[int]:
        """Messages (seq) that these do not come for now."""
        monotonic = self._clock.monotonic()
        return {seq for name in names for seq in self._lanes[name].left_aside(monotonic)}

    def leaves_aside(self, name: str, seq: int) -> bool:
        """Whether that message is one that it does not come for now."""
        return self._lanes[name].leaves_aside(seq, self._clock.monotonic())
