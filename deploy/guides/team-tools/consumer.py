#!/usr/bin/env python3
"""A complete team tool: reads a team's queues, urgent first, and handles each message once.

    pip install pika
    AMQP_URL=amqp://team-billing:PASSWORD@rabbitmq:5672/waypost python3 consumer.py billing

It ends at SIGTERM or Ctrl-C, or after --messages N; what it had not handled by then goes to the next consumer.
"""

import argparse
import json
import os
import signal
import sqlite3
import sys
import threading
import time

import pika

PREFETCH = 16
RECONNECT_MAX_S = 30


class Seen:
    """The ids that were handled, kept in a file, because a message may come again after a restart too."""

    def __init__(self, path, keep_s=9 * 24 * 3600):
        self.db = sqlite3.connect(path)
        self.db.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, at REAL NOT NULL)")
        self.db.execute("DELETE FROM seen WHERE at < ?", (time.time() - keep_s,))
        self.db.commit()

    def __contains__(self, message_id):
        return self.db.execute("SELECT 1 FROM seen WHERE id = ?", (message_id,)).fetchone() is not None

    def add(self, message_id):
        self.db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (message_id, time.time()))
        self.db.commit()


def handle(event):
    """What the tool does with a message: here it prints a line. After an exception the message comes again."""
    data = event["data"]
    if event["type"] == "com.waypost.conversation.changed.v1":
        print(f"{event['id']}  {data['kind']}: {data['to_team']} has the conversation", flush=True)
        return
    if event["type"] != "com.waypost.message.routed.v1":
        return  # a notice, or of a later release: acknowledged, and nothing else
    message, routing = data["message"], data["routing"]
    print(f"{event['id']}  {routing['priority']:6}  {message['summary']!r}  because {routing['why']}", flush=True)


class Tool:
    def __init__(self, url, team, seen, messages=None):
        self.url, self.team, self.seen, self.left = url, team, seen, messages
        self.stopping = threading.Event()
        self.connection = self.channel = None

    def stop(self, *_):
        """Called by a signal, at any moment: ends the consumption from within its own loop."""
        self.stopping.set()
        if self.channel and self.channel.is_open:
            self.connection.add_callback_threadsafe(self.channel.stop_consuming)

    def on_message(self, channel, method, _properties, body):
        event = json.loads(body)
        if event["id"] not in self.seen:
            handle(event)
            self.seen.add(event["id"])
            if self.left is not None:
                self.left -= 1
        # Only now: a crash before this line brings the message again, and `seen` knows it.
        channel.basic_ack(method.delivery_tag)
        if self.left == 0:
            self.stopping.set()
            channel.stop_consuming()

    def consume(self):
        self.connection = pika.BlockingConnection(pika.URLParameters(self.url))
        try:
            self.channel = self.connection.channel()
            self.channel.basic_qos(prefetch_count=PREFETCH)
            # The consumer with the higher priority is served first while it has room.
            for queue, priority in [("urgent", 10), ("normal", 0)]:
                queue = f"team.{self.team}.{queue}"
                self.channel.basic_consume(queue, self.on_message, arguments={"x-priority": priority})
            if not self.stopping.is_set():
                self.channel.start_consuming()
        finally:
            if self.connection.is_open:
                self.connection.close()

    def run(self):
        pause = 1
        while not self.stopping.is_set():
            try:
                self.consume()
                pause = 1
            except Exception as error:  # the broker went away, or `handle` failed: what was in hand comes again
                print(f"interrupted ({error!r}); again in {pause} s", file=sys.stderr)
                self.stopping.wait(pause)
                pause = min(pause * 2, RECONNECT_MAX_S)


def main():
    arguments = argparse.ArgumentParser(description="Handles a team's messages.")
    arguments.add_argument("team")
    arguments.add_argument("--messages", type=int, help="end after so many")
    arguments.add_argument("--seen", default="seen.db", help="the file with the ids that were handled")
    options = arguments.parse_args()
    tool = Tool(os.environ["AMQP_URL"], options.team, Seen(options.seen), options.messages)
    signal.signal(signal.SIGTERM, tool.stop)
    signal.signal(signal.SIGINT, tool.stop)
    tool.run()


if __name__ == "__main__":
    main()
