// A complete team tool: reads a team's queues, urgent first, and handles each message once.
//
//     npm install amqplib
//     AMQP_URL=amqp://team-billing:PASSWORD@rabbitmq:5672/waypost node consumer.mjs billing
//
// It ends at SIGTERM or Ctrl-C, or after --messages N; what it had not handled by then goes to the next consumer.

import fs from 'node:fs';
import { parseArgs } from 'node:util';
import amqp from 'amqplib';

const PREFETCH = 16;
const RECONNECT_MAX_MS = 30_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { messages: { type: 'string' }, seen: { type: 'string', default: 'seen.txt' } },
});
const [team] = positionals;
if (!team || !process.env.AMQP_URL) {
  console.error('usage: AMQP_URL=amqp://… node consumer.mjs TEAM [--messages N] [--seen FILE]');
  process.exit(2);
}

// The ids that were handled, kept in a file, because a message may come again after a restart too.
const seen = new Set(fs.existsSync(values.seen) ? fs.readFileSync(values.seen, 'utf8').split('\n') : []);
const remember = (id) => {
  fs.appendFileSync(values.seen, `${id}\n`);
  seen.add(id);
};

let left = values.messages === undefined ? Infinity : Number(values.messages);
let stopping = false;
let connection;

// What the tool does with a message: here it prints a line. After an exception the message comes again.
async function handle(event) {
  if (event.type === 'com.waypost.conversation.changed.v1') {
    console.log(`${event.id}  ${event.data.kind}: ${event.data.to_team} has the conversation`);
    return;
  }
  if (event.type !== 'com.waypost.message.routed.v1') return; // a notice, or of a later release: acknowledged, and nothing else
  const { message, routing } = event.data;
  const said = message.summary;
  console.log(`${event.id}  ${routing.priority.padEnd(6)}  ${JSON.stringify(said)}  because ${routing.why}`);
}

async function stop() {
  stopping = true;
  await connection?.close().catch(() => {});
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);

async function consume() {
  connection = await amqp.connect(process.env.AMQP_URL);
  if (stopping) return void (await connection.close());
  const ended = new Promise((resolve) => connection.once('close', resolve));
  connection.on('error', (error) => console.error(`connection: ${error.message}`));
  const channel = await connection.createChannel();
  channel.on('error', (error) => console.error(`channel: ${error.message}`));
  channel.on('close', () => connection.close().catch(() => {}));
  await channel.prefetch(PREFETCH);
  // One after the other, so that a customer's messages keep their order.
  let turn = Promise.resolve();
  const take = (delivery) => {
    if (delivery === null) return void connection.close().catch(() => {}); // the queue was deleted
    turn = turn.then(async () => {
      if (stopping) return;
      const event = JSON.parse(delivery.content.toString());
      if (!seen.has(event.id)) {
        await handle(event);
        remember(event.id);
        left -= 1;
      }
      // Only now: a crash before this line brings the message again, and `seen` knows it.
      channel.ack(delivery);
      if (left <= 0) await stop();
    }).catch(async (error) => {
      console.error(`not handled: ${error.message}`);
      await connection.close().catch(() => {});
    });
  };
  // The consumer with the higher priority is served first while it has room.
  await channel.consume(`team.${team}.urgent`, take, { priority: 10 });
  await channel.consume(`team.${team}.normal`, take, { priority: 0 });
  await ended;
}

let pause = 1_000;
while (!stopping) {
  try {
    await consume();
    pause = 1_000;
  } catch (error) {
    console.error(`disconnected (${error.message})`);
  }
  if (!stopping) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, RECONNECT_MAX_MS);
  }
}
