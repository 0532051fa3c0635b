#!/usr/bin/env python3
"""A complete requester: has one message sent, and says what became of the request.

    pip install pika
    AMQP_URL=amqp://team-billing:PASSWORD@rabbitmq:5672/waypost python3 send.py request.json

It may be killed at any moment and run again: the same request, with the same send_id, is one message.
"""
import json
import os
import sys
import time

import pika

DIRECT = "amq.rabbitmq.reply-to"  # Answers come to the channel that asks; no queue is declared.
WITHIN_S = 30

request = json.load(open(sys.argv[1]))
parameters = pika.URLParameters(os.environ["AMQP_URL"])
answers = []


def on_answer(_channel, _method, properties, body):
    if properties.correlation_id == request["send_id"]:
        answers.append(json.loads(body))


with pika.BlockingConnection(parameters) as connection:
    channel = connection.channel()
    channel.confirm_delivery()  # From now on publishing fails unless a queue has it.
    channel.basic_consume(DIRECT, on_answer, auto_ack=True)
    properties = pika.BasicProperties(
        user_id=parameters.credentials.username,  # The broker checks it: this is who writes to the customer.
        content_type="application/json",
        delivery_mode=2,
        reply_to=DIRECT,
        correlation_id=request["send_id"],
    )
    key = request.get("priority", "normal")
    channel.basic_publish("wa.send", key, json.dumps(request), properties, mandatory=True)
    deadline = time.monotonic() + WITHIN_S
    while not answers and time.monotonic() < deadline:
        connection.process_data_events(time_limit=1)

if not answers:
    sys.exit("no answer yet: the request waits in its queue, and may be published again")
print(json.dumps(answers[0]))
if "error" in answers[0]:
    sys.exit(1)
