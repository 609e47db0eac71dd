"""Files in rooms: stored first, said next, for members only."""

from typing import Any

import aiohttp
import pytest

from tests.support.rest_caller import Caller, Clock, World, open_world

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + (7).to_bytes(4, "big") + (5).to_bytes(4, "big")


def make_form(content: bytes = PNG, name: str = "devices.png", kind: str = "image/png") -> Any:  # noqa: ANN401 - aiohttp's own
    form = aiohttp.FormData()
    form.add_field("file", content, filename=name, content_type=kind)
    return form


def find_room(world: World) -> str:
    return world.workspace.direct_room(world.alice, world.bot).id


async def store(caller: Caller, room_id: str, form: Any = None) -> tuple[int, Any]:  # noqa: ANN401 - aiohttp's own
    data = make_form() if form is None else form
    return await caller.call("POST", f"/api/v1/rooms.media/{room_id}", data=data)


async def see(caller: Caller, url: str) -> int:
    async with caller.http.get(caller.url + url, headers=caller.headers) as response:
        return response.status


@pytest.mark.parametrize("version", ["7.7", "8.3", "8.8"])
async def test_a_picture_is_stored_and_said_with_a_text(version: str) -> None:
    async with open_world(version) as world:
        bot, room_id = world.sign_in(world.bot), find_room(world)
        status, stored = await store(bot, room_id)
        file_id = stored["file"]["_id"]
        assert (status, stored["success"]) == (200, True)
        assert stored["file"]["url"] == f"/file-upload/{file_id}/devices.png"
        assert world.workspace.messages.of(world.workspace.rooms.all[-1]) == []
        status, said = await bot.post(f"rooms.mediaConfirm/{room_id}/{file_id}", msg="Look")

    assert status == 200
    [attachment] = said["message"]["attachments"]
    assert (said["message"]["msg"], said["message"]["rid"]) == ("Look", room_id)
    assert said["message"]["file"]["_id"] == file_id
    assert attachment["image_url"] == attachment["title_link"] == stored["file"]["url"]
    assert attachment["image_dimensions"] == {"width": 7, "height": 5}
    assert "groupable" not in said["message"]


async def test_the_answers_look_as_recorded_for_a_text_file() -> None:
    async with open_world("8.3") as world:
        alice, room_id = world.sign_in(world.alice), find_room(world)
        _, stored = await store(alice, room_id, make_form(b"abc", "n.txt", "text/plain"))
        file_id = stored["file"]["_id"]
        _, said = await alice.post(f"rooms.mediaConfirm/{room_id}/{file_id}", msg="with file")

    message = said["message"]
    file = {"_id": file_id, "name": "n.txt", "type": "text/plain", "size": 3}
    assert message["file"] == file | {"format": "", "typeGroup": "text"}
    assert message["files"] == [message["file"]]
    assert message["attachments"] == [
        {
            "title": "n.txt",
            "title_link": f"/file-upload/{file_id}/n.txt",
            "title_link_download": True,
            "type": "file",
            "format": "TXT",
            "size": 3,
            "fileId": file_id,
        }
    ]
    recorded = "_id _updatedAt attachments file files md msg rid ts u urls"
    assert sorted(message) == recorded.split()


async def test_confirming_twice_says_it_twice() -> None:
    async with open_world() as world:
        bot, room_id = world.sign_in(world.bot), find_room(world)
        _, stored = await store(bot, room_id)
        route = f"rooms.mediaConfirm/{room_id}/{stored['file']['_id']}"
        ids = {(await bot.post(route))[1]["message"]["_id"] for _ in range(2)}
    assert len(ids) == 2


async def test_what_is_not_confirmed_within_a_day_is_gone() -> None:
    clock = Clock()
    async with open_world(now=clock) as world:
        bot, room_id = world.sign_in(world.bot), find_room(world)
        _, kept = await store(bot, room_id)
        _, dropped = await store(bot, room_id)
        await bot.post(f"rooms.mediaConfirm/{room_id}/{kept['file']['_id']}")
        clock.move(hours=25)
        gone = await bot.post(f"rooms.mediaConfirm/{room_id}/{dropped['file']['_id']}")
        status = await see(bot, kept["file"]["url"])
    assert gone == (
        400,
        {"success": False, "error": "[invalid-file]", "errorType": "invalid-file"},
    )
    assert status == 200


async def test_only_members_may_store_say_and_see() -> None:
    async with open_world() as world:
        bot, bob, room_id = world.sign_in(world.bot), world.sign_in(world.bob), find_room(world)
        _, stored = await store(bot, room_id)
        file_id, url = stored["file"]["_id"], stored["file"]["url"]
        assert (await store(bob, room_id))[0] == 403
        assert (await bob.post(f"rooms.mediaConfirm/{room_id}/{file_id}"))[0] == 403
        alice = world.sign_in(world.alice)
        seen = [await see(each, url) for each in (bob, world.sign_in(), alice)]
        assert seen == [403, 403, 200]
        assert await see(alice, "/file-upload/none/a.png") == 404


async def test_a_workspace_may_take_no_files_at_all() -> None:
    async with open_world() as world:
        world.workspace.uploads.is_enabled = False
        status, answer = await store(world.sign_in(world.bot), find_room(world))
    assert (status, answer["errorType"]) == (400, "error-file-upload-disabled")


async def test_a_form_holds_one_file() -> None:
    async with open_world() as world:
        bot, path = world.sign_in(world.bot), f"/api/v1/rooms.media/{find_room(world)}"
        answers = [await bot.call("POST", path, data=make_form_of(files)) for files in range(3)]
        as_json = await bot.post(path.removeprefix("/api/v1/"))

    assert [status for status, _ in answers] == [400, 200, 400]
    assert answers[0][1]["errorType"] == "invalid-field"
    assert answers[2][1]["errorType"] == "error-too-many-files"
    assert as_json[0] == 400
    assert as_json[1]["error"] == "Unsupported content type: application/json"


@pytest.mark.parametrize(("version", "status"), [("7.7", 200), ("8.3", 400)])
async def test_a_file_is_posted_by_who_stored_it(version: str, status: int) -> None:
    async with open_world(version) as world:
        alice, room_id = world.sign_in(world.alice), find_room(world)
        _, stored = await store(world.sign_in(world.bot), room_id)
        confirmed = await alice.post(f"rooms.mediaConfirm/{room_id}/{stored['file']['_id']}")

    assert confirmed[0] == status
    assert confirmed[1].get("errorType") == (None if status == 200 else "invalid-file")


def make_form_of(files: int) -> aiohttp.FormData:
    form = aiohttp.FormData({"description": "about"}, default_to_multipart=True)
    for number in range(files):
        form.add_field("file", b"text", filename=f"{number}.txt", content_type="text/plain")
    return form


async def test_6_5_does_not_know_the_routes() -> None:
    async with open_world("6.5") as world:
        status, answer = await store(world.sign_in(world.bot), find_room(world))
    assert (status, answer) == (405, "")
