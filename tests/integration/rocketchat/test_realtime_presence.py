"""Following who comes online, on a connection that does what the test says."""

from typing import Any

from tests.support.scripted_workspace import (
    Peer,
    open_client,
    open_workspace,
    until,
)

Frame = dict[str, Any]


def make_event(user_id: str, *arguments: object) -> Frame:
    fields = {"uid": user_id, "args": list(arguments), "eventName": user_id}
    return {"msg": "changed", "collection": "stream-user-presence", "id": user_id, "fields": fields}


async def test_only_those_who_were_offline_come_online() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept_client()
        request = await peer.confirm()
        assert request["name"] == "stream-user-presence"
        assert request["params"] == ["", {"added": ["ann", "bob"]}]
        for status in (1, 2, 1, 0, 3):
            await peer.send(make_event("ann", ["ann", status, ""]))
        await peer.keep_open()

    heard: list[str] = []
    async with (
        open_workspace(serve) as workspace,
        open_client(workspace.url, on_online=heard.append) as client,
    ):
        client.realtime.presence.follow(frozenset({"bob", "ann"}))
        await until(lambda: len(heard) == 2)
    assert heard == ["ann", "ann"]


async def test_malformed_and_foreign_events_are_passed_over() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept_client()
        await peer.confirm()
        for event in (
            make_event("ann"),
            make_event("ann", "online"),
            make_event("ann", ["ann", "online", ""]),
            make_event("eve", ["eve", 1, ""]),
            make_event("ann", ["ann", 1, ""]),
        ):
            await peer.send(event)
        await peer.keep_open()

    heard: list[str] = []
    async with (
        open_workspace(serve) as workspace,
        open_client(workspace.url, on_online=heard.append) as client,
    ):
        client.realtime.presence.follow(frozenset({"ann"}))
        await until(lambda: bool(heard))
    assert heard == ["ann"]


async def test_a_refused_stream_leaves_the_messages_as_they_are() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept_client()
        await peer.refuse()
        await peer.send_message("hello")
        await peer.keep_open()

    async with open_workspace(serve) as workspace, open_client(workspace.url) as client:
        client.realtime.presence.follow(frozenset({"ann"}))
        await client.wait_for_texts("hello")
        client.realtime.presence.follow(frozenset({"ann", "bob"}))
        assert client.realtime.is_live()
    assert len(workspace.peers) == 1


async def test_later_changes_are_sent_though_they_are_refused() -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept_client()
        await peer.confirm()
        for change in ({"added": ["bob"]}, {"removed": ["ann"]}):
            assert (await peer.refuse())["params"] == ["", change]
        await peer.send(make_event("bob", ["bob", 1, None]))
        await peer.keep_open()

    heard: list[str] = []
    async with (
        open_workspace(serve) as workspace,
        open_client(workspace.url, on_online=heard.append) as client,
    ):
        client.realtime.presence.follow(frozenset({"ann"}))
        peer = await workspace.peer()
        await until(lambda: len(peer.received) == 5)
        client.realtime.presence.follow(frozenset({"bob"}))
        await until(lambda: bool(heard))
    assert heard == ["bob"]
