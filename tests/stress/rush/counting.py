"""Counts what became of every report that was due, from the rooms and the table of runs."""

from dataclasses import dataclass, field
from datetime import datetime

from bot.delivery.reply_sender import make_message_id
from rocketchat_simulator import Document
from tests.stress.rush.scene import ConnectedUser, Scene
from tests.support.message_ids import ID_KEY
from tests.support.stored import load_outcomes


@dataclass
class ReportCounts:
    """Counts of due reports; for those in ``explained`` people were told why there is none."""

    due: int = 0
    on_time: int = 0
    late: int = 0
    skipped: int = 0
    explained: int = 0
    twice: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    """People to whom the bot said something else."""

    @property
    def is_clean(self) -> bool:
        """Return whether each report came once or was explained, and nothing else was said."""
        counted = self.on_time + self.late + self.skipped + self.explained
        return counted == self.due and not (self.twice or self.lost or self.unexpected)

    def __str__(self) -> str:
        return (
            f"due {self.due}: on time {self.on_time}, late {self.late}, skipped {self.skipped},"
            f" explained {self.explained}, twice {len(self.twice)}, lost {len(self.lost)}"
        )


async def count(scene: Scene, due_at: datetime, since: datetime) -> ReportCounts:
    """Count what was due then; ``since`` is when that began, by the workspace's clock."""
    counts = ReportCounts(due=len(scene.due))
    for each in scene.due:
        outcome = (await load_outcomes(scene.database, each.user.id)).get(due_at, "")
        _count_one(counts, scene, each, due_at, outcome, _list_said(scene, each, since))
    return counts


def _count_one(
    counts: ReportCounts,
    scene: Scene,
    each: ConnectedUser,
    due_at: datetime,
    outcome: str,
    said: list[Document],
) -> None:
    cause = f"report {each.user.id} daily {due_at:%H:%M} {due_at.isoformat()}"
    bot = scene.stage.people.bot
    expected = make_message_id(ID_KEY, bot.id, scene.find_room(each).id, cause, "notice")
    own = [message["msg"] for message in said if message["_id"] == expected]
    if len(said) > 1:
        counts.twice.append(each.user.username)
    if len(own) != len(said):
        counts.unexpected.append(each.user.username)
    if outcome == "skipped":
        counts.skipped += 1
    elif not own or outcome not in {"on_time", "late", "failed"}:
        counts.lost.append(f"{each.user.username} {outcome}")
    elif outcome == "failed":
        counts.explained += 1
    elif "This report is late" in own[0]:
        counts.late += 1
    else:
        counts.on_time += 1


def _list_said(scene: Scene, each: ConnectedUser, since: datetime) -> list[Document]:
    messages = scene.stage.simulator.workspace.messages.of(scene.find_room(each))
    bot_id = scene.stage.people.bot.id
    return [one for one in messages if one["u"]["_id"] == bot_id and one["ts"] >= since]
