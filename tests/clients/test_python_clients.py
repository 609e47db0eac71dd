"""Other people's Python clients, unmodified, against the newest server; all in ``make clients``."""

import pytest

from tests.clients.judge import PYTHON_CLIENTS, Client, judge


@pytest.mark.parametrize("client", PYTHON_CLIENTS, ids=lambda client: client.name)
async def test_a_client_connects_hears_sends_and_survives_a_cut(client: Client) -> None:
    await judge(client, "8.8")
