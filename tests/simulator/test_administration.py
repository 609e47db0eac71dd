"""What administrators change by REST has effects: accounts, rights, settings, pictures, rooms."""

import aiohttp
import pytest

from rocketchat_simulator import User
from tests.support.rest_caller import World, open_world


def add_admin(world: World) -> User:
    return world.workspace.add_user("root", roles=("admin",))


@pytest.mark.parametrize("version", ["7.7", "8.3"])
async def test_a_token_for_somebody_works(version: str) -> None:
    async with open_world(version) as world:
        world.workspace.tokens_secret = "s3cret"
        admin = world.sign_in(add_admin(world))
        _, made = await admin.post("users.createToken", userId=world.bob.id, secret="s3cret")
        token = made["data"]["authToken"]
        _, me = await world.sign_in(world.bob, token=token).get("me")
        refused = await world.sign_in(world.alice).post(
            "users.createToken", userId=world.bob.id, secret="s3cret"
        )

    assert me["_id"] == made["data"]["userId"] == world.bob.id
    assert refused[0] == (403 if version == "8.3" else 400)


async def test_a_deleted_account_is_gone_with_its_messages() -> None:
    async with open_world() as world:
        workspace, admin = world.workspace, world.sign_in(add_admin(world))
        general = workspace.rooms.find_by_name("general")
        assert general is not None
        workspace.say(world.bob, general, "mine")
        direct = workspace.direct_room(world.alice, world.bob)
        bob = world.sign_in(world.bob)
        deleted = await admin.post("users.delete", userId=world.bob.id)
        me = await bob.get("me")
        found = await admin.get("users.info", username="bob")

        assert (deleted[0], me[0], found[0]) == (200, 401, 400)
        assert not workspace.messages.of(general)
        assert not general.has(world.bob)
        assert workspace.find_room(direct.id) is None


async def test_an_owner_may_delete_an_account_only_with_its_rooms_given_up() -> None:
    async with open_world() as world:
        admin = world.sign_in(add_admin(world))
        world.workspace.make_channel("bobs", [world.bob, world.alice])
        refused = await admin.post("users.delete", userId=world.bob.id)
        done = await admin.post("users.delete", userId=world.bob.id, confirmRelinquish=True)

    assert refused[1]["errorType"] == "user-last-owner"
    assert done[0] == 200


async def test_an_avatar_is_an_initial_until_a_picture_is_set() -> None:
    async with open_world() as world:
        alice, form = world.sign_in(world.alice), aiohttp.FormData()
        before, initial = await alice.call("GET", "/avatar/alice")
        form.add_field("image", b"PNG", filename="me.png", content_type="image/png")
        status, _ = await alice.call("POST", "/api/v1/users.setAvatar", data=form)
        async with world.http.get(f"{world.simulator.url}/avatar/alice") as response:
            picture = await response.read()
        unknown, _ = await alice.call("GET", "/avatar/%3Cnobody%3E")

    assert (before, status, unknown) == (200, 200, 200)
    assert ">A</text>" in initial
    assert picture == b"PNG"


async def test_a_permission_is_given_and_taken() -> None:
    async with open_world() as world:
        admin, alice = world.sign_in(add_admin(world)), world.sign_in(world.alice)

        async def ask(*roles: str) -> int:
            wanted = [{"_id": "view-privileged-setting", "roles": list(roles)}]
            status, _ = await admin.post("permissions.update", permissions=wanted)
            assert status == 200
            return (await alice.get("settings/Language"))[0]

        seen = [await ask("admin"), await ask("admin", "user"), await ask("admin")]
        _, listed = await admin.get("permissions.listAll")

    assert seen == [403, 200, 403]
    assert {"_id": "view-privileged-setting", "roles": ["admin"]} in listed["update"]


async def test_a_setting_is_changed_and_followed() -> None:
    async with open_world("6.5") as world:
        admin = world.sign_in(add_admin(world))
        before = await world.sign_in().get("me")
        await admin.post("settings/Accounts_AllowAnonymousRead", value=True)
        after = await world.sign_in().get("me")
        await admin.post("settings/Language", value="pt-BR")

        assert (before[0], after[0]) == (401, 400)
        assert world.workspace.language == "pt-BR"


async def test_a_role_is_given_to_somebody() -> None:
    async with open_world() as world:
        admin, bob = world.sign_in(add_admin(world)), world.sign_in(world.bob)
        given = await admin.post("roles.addUserToRole", roleId="admin", username="bob")
        allowed = await bob.get("roles.getUsersInRole", role="admin")
        taken = await admin.post("roles.removeUserFromRole", roleId="admin", username="bob")
        refused = await bob.get("roles.getUsersInRole", role="admin")
        last = await admin.post("roles.removeUserFromRole", roleId="admin", username="root")

    assert (given[0], taken[0], refused[0]) == (200, 200, 403)
    assert [user["username"] for user in allowed[1]["users"]] == ["bob", "root"]
    assert last[1]["errorType"] == "error-admin-required"


async def test_an_owner_may_what_a_member_may_not() -> None:
    async with open_world() as world:
        room = world.workspace.make_channel("team", [world.alice, world.bob])
        alice, bob = world.sign_in(world.alice), world.sign_in(world.bob)
        named = {"roomId": room.id, "userId": world.bob.id}
        refused = await bob.post("channels.rename", roomId=room.id, name="ours")
        await alice.post("channels.addOwner", **named)
        renamed = await bob.post("channels.rename", roomId=room.id, name="ours")
        await alice.post("channels.removeOwner", **named)
        archived = await bob.post("channels.archive", roomId=room.id)
        kinds = [each.get("t") for each in world.workspace.messages.of(room)]

    assert (refused[0], renamed[0], archived[0]) == (400, 200, 400)
    assert kinds == ["subscription-role-added", "r", "subscription-role-removed"]


async def test_a_thread_stays_unread_until_threads_are_read() -> None:
    async with open_world() as world:
        workspace, alice = world.workspace, world.sign_in(world.alice)
        room = workspace.make_channel("team", [world.alice, world.bob])
        root = workspace.say(world.alice, room, "root")
        workspace.say(world.bob, room, "reply", thread_id=root["_id"])

        async def list_threads(**read: object) -> object:
            if read:
                await alice.post("subscriptions.read", rid=room.id, **read)
            _, found = await alice.get("subscriptions.getOne", roomId=room.id)
            return found["subscription"].get("tunread")

        seen = [
            await list_threads(),
            await list_threads(readThreads=False),
            await list_threads(readThreads=True),
        ]

    assert seen == [[root["_id"]], [root["_id"]], None]


async def test_files_of_a_room_are_listed() -> None:
    async with open_world() as world:
        alice, form = world.sign_in(world.alice), aiohttp.FormData()
        room = world.workspace.make_channel("team", [world.alice])
        form.add_field("file", b"text", filename="notes.txt", content_type="text/plain")
        await alice.call("POST", f"/api/v1/rooms.media/{room.id}", data=form)
        _, found = await alice.get("channels.files", roomId=room.id, name="NOTE")
        _, none = await alice.get("channels.files", roomId=room.id, name="other")

    assert [(each["name"], each["user"]["username"]) for each in found["files"]] == [
        ("notes.txt", "alice")
    ]
    assert none["total"] == 0
