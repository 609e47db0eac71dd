"""What people do on the connection page besides pasting a token."""

from rocketchat_simulator import Visit
from tests.support.stage import Conversation, Stage


async def go_to_consent(alice: Conversation, link: str) -> str:
    """Press the button; return the address of the workspace's consent page."""
    fields = await alice.person.open_form(link)
    visit = await alice.person.visit(f"{link}/oauth", fields, follows=False)
    assert visit.status == 303, visit.page
    return visit.location


async def get_way_back(alice: Conversation, link: str) -> str:
    """Press the button and say yes; return the address where that leads, not yet followed."""
    answered = await alice.person.answer_consent(await go_to_consent(alice, link))
    assert answered.status == 302, answered.page
    return answered.location


async def press_button(alice: Conversation, link: str, *, allows: bool = True) -> Visit:
    """Press the button, answer the workspace's question, and go where that leads."""
    fields = await alice.person.open_form(link)
    return await alice.person.authorize(f"{link}/oauth", fields, allows=allows)


async def connect_by_button(alice: Conversation) -> str:
    """Connect without a token; return what the bot then says."""
    visit = await press_button(alice, await alice.ask_for_link())
    assert visit.status == 200, visit.page
    return await alice.hear()


async def paste_token(alice: Conversation, link: str) -> tuple[int, str]:
    token = await alice.person.make_personal_access_token(f"bot {link[-8:]}")
    return await alice.person.fill_in(link, user_id=alice.person.user_id, token=token)


def find_retry(page: str, link: str) -> str:
    """Return the new link in a page that lets one try again."""
    base = link.rpartition("/connect/")[0]
    return base + page.partition('action="')[2].partition('"')[0].removesuffix("/oauth")


def count_requests(stage: Stage, path: str) -> int:
    return sum(request.path == path for request in stage.simulator.requests)
