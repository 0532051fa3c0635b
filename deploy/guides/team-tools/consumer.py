#!/usr/bin/env python3
"""A complete team tool: reads a team's queues, urgent first, and does each piece of work once.

    pip install pika
    AMQP_URL=amqp://team-billing:PASSWORD@rabbitmq:5672/waypost python3 consumer.py billing [MESSAGES]

It goes on until it is stopped, or has handled so many MESSAGES. It may be killed at any moment.
"""
import json
import os
import sqlite3
import sys
import time

import pika

team, left = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else -1
db = sqlite3.connect(os.environ.get("TOOL_DB", "tool.db"), isolation_level=None)
db.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, at REAL NOT NULL)")
db.execute("CREATE TABLE IF NOT EXISTS work (conversation TEXT, summary TEXT NOT NULL)")
db.execute("DELETE FROM seen WHERE at < ?", [time.time() - 9 * 24 * 3600])


def handle(event):
    """What the tool does. It writes to `db` alone, so that work is done if and only if its id is remembered."""
    data = event["data"]
    if event["type"] == "com.waypost.message.routed.v1":
        message, routing = data["message"], data["routing"]
        db.execute("INSERT INTO work VALUES (?, ?)", [event.get("subject"), message["summary"]])
        print(f"{event['id']}  {routing['priority']:6}  {message['summary']!r}  because {routing['why']}", flush=True)
    elif event["type"] == "com.waypost.conversation.changed.v1":
        print(f"{event['id']}  {data['kind']}: {data['to_team']} has the conversation", flush=True)
    # Anything else is a notice, or of a later release: remembered, acknowledged, and nothing else.


def on_message(channel, method, _properties, body):
    global left
    event = json.loads(body)
    with db:  # One transaction, rolled back by an exception.
        db.execute("BEGIN IMMEDIATE")
        if db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", [event["id"], time.time()]).rowcount:
            handle(event)
            left -= 1
    channel.basic_ack(method.delivery_tag)  # Only now: what is not acknowledged comes again, and is in `seen`.
    if left == 0:
        channel.stop_consuming()


while left:
    try:
        with pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"])) as connection:
            channel = connection.channel()
            channel.basic_qos(prefetch_count=16)
            for queue, priority in [("urgent", 10), ("normal", 0)]:  # The higher one is served first while it has room.
                channel.basic_consume(f"team.{team}.{queue}", on_message, arguments={"x-priority": priority})
            channel.start_consuming()
    except Exception as error:  # The broker went away, or `handle` failed: what was in hand comes again.
        print(f"interrupted ({error!r}); again in 5 s", file=sys.stderr)
        time.sleep(5)
