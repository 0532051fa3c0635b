// A complete team tool: reads a team's queues, urgent first, and does each piece of work once.
//
//     npm install amqplib
//     AMQP_URL=amqp://team-billing:PASSWORD@rabbitmq:5672/waypost node consumer.mjs billing [MESSAGES]
//
// It goes on until it is stopped, or has handled so many MESSAGES. It may be killed at any moment.
import fs from 'node:fs';
import amqp from 'amqplib';

const [team, messages] = process.argv.slice(2);
const file = process.env.TOOL_FILE ?? 'tool.jsonl';
let left = messages === undefined ? Infinity : Number(messages);

// One line is the work and the id that it was done for, so that there is never one without the other. Whoever is killed while
// writing leaves half a line behind, which counts for nothing.
const idOf = (line) => { try { return JSON.parse(line).id; } catch { return undefined; } };
const seen = new Set(fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').map(idOf) : []);

function handle({ id, type, subject, data }) {
  const work = { id, conversation: subject };
  if (type === 'com.waypost.message.routed.v1') {
    work.summary = data.message.summary;
    console.log(`${id}  ${data.routing.priority.padEnd(6)}  ${JSON.stringify(work.summary)}  because ${data.routing.why}`);
  } else if (type === 'com.waypost.conversation.changed.v1') {
    console.log(`${id}  ${data.kind}: ${data.to_team} has the conversation`);
  } // Anything else is a notice, or of a later release: remembered, acknowledged, and nothing else.
  fs.appendFileSync(file, `\n${JSON.stringify(work)}`);
  seen.add(id);
  left -= 1;
}

while (left > 0) {
  try {
    const connection = await amqp.connect(process.env.AMQP_URL);
    const ended = new Promise((resolve, reject) => connection.once('close', resolve).once('error', reject));
    const channel = await connection.createChannel();
    channel.once('error', () => {}).once('close', () => connection.close().catch(() => {}));
    await channel.prefetch(16);
    const take = (delivery) => {
      if (delivery === null) return channel.close(); // The queue was deleted.
      if (left === 0) return; // It comes again.
      const event = JSON.parse(delivery.content);
      if (!seen.has(event.id)) handle(event);
      channel.ack(delivery); // Only now: what is not acknowledged comes again, and is in `seen`.
      if (left === 0) channel.close();
    };
    for (const [queue, priority] of [['urgent', 10], ['normal', 0]]) { // The higher one is served first while it has room.
      await channel.consume(`team.${team}.${queue}`, take, { priority });
    }
    await ended;
  } catch (error) { // The broker went away: what was in hand comes again. After an exception in `handle` the process ends.
    console.error(`interrupted (${error.message})`);
  }
  if (left > 0) await new Promise((resolve) => setTimeout(resolve, 5_000));
}
