"""Celery doing nothing at drover's durability: a quorum queue, late acks, confirmed publishing.

`noop.py URL QUEUE MARKS TASKS` starts a worker of two processes, publishes the tasks, and prints the seconds from the
first publish until the last has run. A task writes one byte to MARKS.
"""

import os
import subprocess
import sys
import time

from celery import Celery
from kombu import Queue

url, queue, marks = (os.environ[name] for name in ("BENCH_URL", "BENCH_QUEUE", "BENCH_MARKS"))
app = Celery("noop", broker=url)
app.conf.update(
    task_acks_late=True,
    task_default_queue=queue,
    task_queues=[Queue(queue, routing_key=queue, queue_arguments={"x-queue-type": "quorum"})],
    task_ignore_result=True,
    broker_transport_options={"confirm_publish": True},
    broker_connection_retry_on_startup=True,
    worker_enable_remote_control=False,
)
written = os.open(marks, os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@app.task(name="noop")
def noop():
    os.write(written, b".")


def run(tasks):
    before = os.path.getsize(marks)
    started = time.monotonic()
    for _ in range(tasks):
        noop.delay()
    while os.path.getsize(marks) - before < tasks:
        time.sleep(0.005)
    return time.monotonic() - started


if __name__ == "__main__":
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "noop", "worker", "--concurrency", "2", "--loglevel", "ERROR",
         "--without-gossip", "--without-mingle", "--without-heartbeat"],
        cwd=os.path.dirname(os.path.abspath(__file__)),
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        run(20)
        print(run(int(sys.argv[1])))
    finally:
        worker.terminate()
        worker.wait()
