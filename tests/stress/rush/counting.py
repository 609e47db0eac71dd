"""What became of every report that was due, as the rooms and the table of slots have it."""

from dataclasses import dataclass, field
from datetime import datetime

from bot.delivery.reply_sender import make_message_id
from rocketchat_simulator import Document
from tests.stress.rush.scene import Connected, Scene
from tests.support.stored import load_outcomes


@dataclass
class Figures:
    """Counts of slots; ``told`` are those whose owner was told why there is no report."""

    due: int = 0
    on_time: int = 0
    late: int = 0
    skipped: int = 0
    told: int = 0
    twice: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Every slot once, or its owner told why not, and nothing else said."""
        counted = self.on_time + self.late + self.skipped + self.told
        return counted == self.due and not (self.twice or self.lost or self.foreign)

    def __str__(self) -> str:
        return (
            f"due {self.due}: on time {self.on_time}, late {self.late}, skipped {self.skipped},"
            f" told why not {self.told}, twice {len(self.twice)}, lost {len(self.lost)}"
        )


async def count(scene: Scene, due_at: datetime, since: datetime) -> Figures:
    """Count what was due then; ``since`` is when that began, by the workspace's clock."""
    figures = Figures(due=len(scene.due))
    for each in scene.due:
        outcome = (await load_outcomes(scene.database, each.user.id)).get(due_at, "")
        _count_one(figures, scene, each, due_at, outcome, _read_room(scene, each, since))
    return figures


def _count_one(
    figures: Figures,
    scene: Scene,
    each: Connected,
    due_at: datetime,
    outcome: str,
    said: list[Document],
) -> None:
    room = scene.simulator.workspace.direct_room(each.user, scene.people.bot)
    cause = f"report {each.user.id} daily {due_at:%H:%M} {due_at.isoformat()}"
    expected = make_message_id(scene.people.bot.id, room.id, cause, "notice")
    own = [message["msg"] for message in said if message["_id"] == expected]
    if len(said) > 1:
        figures.twice.append(each.user.username)
    if len(own) != len(said):
        figures.foreign.append(each.user.username)
    if outcome == "skipped":
        figures.skipped += 1
    elif not own or outcome not in {"on_time", "late", "failed"}:
        figures.lost.append(f"{each.user.username} {outcome}")
    elif outcome == "failed":
        figures.told += 1
    elif "This report is late" in own[0]:
        figures.late += 1
    else:
        figures.on_time += 1


def _read_room(scene: Scene, each: Connected, since: datetime) -> list[Document]:
    workspace, bot = scene.simulator.workspace, scene.people.bot
    said = workspace.messages.of(workspace.direct_room(each.user, bot))
    return [one for one in said if one["u"]["_id"] == bot.id and one["ts"] >= since]
