"""Other people's Python clients, unmodified, against the simulator."""

import pytest

from tests.clients.judge import PYTHON_CLIENTS, Client, judge


@pytest.mark.parametrize("client", PYTHON_CLIENTS, ids=lambda client: client.name)
@pytest.mark.parametrize("version", ["6.5", "8.8"])
async def test_a_client_connects_hears_sends_and_survives_a_cut(
    client: Client, version: str
) -> None:
    await judge(client, version)
