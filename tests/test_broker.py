"""The broker in files: where it keeps them, and that processes find each other there."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from time import sleep

from celery import Celery

from recurring_jobs import development_broker
from recurring_jobs.folder_transport import Channel


def test_folders_are_made(tmp_path):
    """
    The folders exist afterwards, below the base folder, by absolute paths.
    """
    url, options = development_broker(tmp_path)

    folder = tmp_path.resolve() / ".celery-broker"
    assert url == "filesystem://localhost/"
    assert options == {
        "data_folder_in": str(folder / "queue"),
        "data_folder_out": str(folder / "queue"),
        "processed_folder": str(folder / "processed"),
        "control_folder": str(folder / "control"),
        "store_processed": False,
        "polling_interval": 0.1,
    }
    assert sorted(path.name for path in folder.iterdir()) == ["control", "processed", "queue"]


def test_second_call_keeps_what_waits(tmp_path):
    """
    Asking again, as each process does, changes nothing and loses no message.
    """
    first = development_broker(tmp_path)
    waiting = tmp_path / ".celery-broker" / "queue" / "1_x.celery.msg"
    waiting.write_text("{}")

    assert development_broker(str(tmp_path)) == first
    assert waiting.exists()


def test_message_of_one_app_reaches_another(tmp_path):
    """
    What one app sends, another app on the same folder takes, and none on another folder.
    """
    sender, receiver = (_app(tmp_path / "shared") for _ in range(2))
    stranger = _app(tmp_path / "other")

    sender.send_task("shop.clean", [7])

    assert [_size(each) for each in (receiver, stranger)] == [1, 0]


def test_no_message_is_lost_between_processes(tmp_path):
    """
    Of 600 messages that two processes send, four others take each once, and none fails.
    """
    code = (
        "import sys\n"
        "from queue import Empty\n"
        "from time import monotonic, sleep\n"
        "from kombu import Connection\n"
        "from recurring_jobs import development_broker\n"
        "folder, role = sys.argv[1:]\n"
        "url, options = development_broker(folder)\n"
        "with Connection(url, transport_options=options) as connection:\n"
        "    queue = connection.SimpleQueue('shared')\n"
        "    if role == 'send':\n"
        "        for number in range(300):\n"
        "            queue.put({'number': number})\n"
        "    taken, last = 0, monotonic()\n"
        "    while role == 'take' and monotonic() - last < 3:\n"
        "        try:\n"
        "            queue.get(block=False).ack()\n"
        "        except Empty:\n"
        "            sleep(0.001)\n"
        "        else:\n"
        "            taken, last = taken + 1, monotonic()\n"
        "print(taken)\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path, role], stdout=subprocess.PIPE)
        for role in ["take"] * 4 + ["send"] * 2
    ]

    taken = [int(process.communicate(timeout=60)[0] or -1) for process in processes]

    assert [process.returncode for process in processes] == [0] * 6
    assert sum(taken) == 600


def test_bindings_made_at_once_are_all_kept(tmp_path, monkeypatch):
    """
    Four that bind a queue at one moment do not write over each other.
    """
    read = Channel.get_table

    def read_slowly(self, exchange):
        table = read(self, exchange)
        sleep(0.1)
        return table

    def bind(number):
        with _app(tmp_path).connection_for_write() as connection:
            connection.channel()._queue_bind("all", "", "", f"queue-{number}")

    monkeypatch.setattr(Channel, "get_table", read_slowly)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(bind, range(4)))

    with _app(tmp_path).connection_for_read() as connection:
        assert len(connection.channel().get_table("all")) == 4


def _app(folder) -> Celery:
    url, options = development_broker(folder)
    app = Celery("made", broker=url, set_as_current=False)
    app.conf.broker_transport_options = options
    return app


def _size(app: Celery) -> int:
    with app.connection_for_read() as connection:
        return connection.SimpleQueue("celery").qsize()
