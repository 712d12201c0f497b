"""The counting house: reads the stream as a group, a transaction a read, then acknowledges what was committed.

`each` calls the increment for one event after the other; `many` hands the events of a read to executemany, which sends
the same calls without waiting between them.
"""

import asyncio
import os
import sys
from datetime import datetime

import asyncpg
import uvloop
from event import FIELD, STREAM, Event
from redis.asyncio import Redis
from redis.exceptions import ResponseError

GROUP, CONSUMER = "counters", "counter-1"
READ_MAX = 1_000
BLOCK_MS = 1_000
# asyncpg prepares it once a connection.
INCREMENT = """
    insert into endpoint_minute as t
    values ($1, $2, $3, date_trunc('minute', $4::timestamptz, 'UTC'), 1, $5, $6, $7, $7)
    on conflict (service, method, route, minute) do update set
        requests = t.requests + 1,
        client_errors = t.client_errors + excluded.client_errors,
        errors = t.errors + excluded.errors,
        duration_sum_us = t.duration_sum_us + excluded.duration_sum_us,
        duration_max_us = greatest(t.duration_max_us, excluded.duration_max_us)
"""


def increment(entry: bytes) -> tuple[str, str, str, datetime, int, int, int]:
    event = Event.model_validate_json(entry)
    client_errors, errors = int(400 <= event.status < 500), int(event.status >= 500)
    duration_us = round(event.duration_ms * 1_000)
    return event.service, event.method, event.route, event.timestamp, client_errors, errors, duration_us


async def count(database: asyncpg.Connection, increments: list[tuple], one_by_one: bool) -> None:
    async with database.transaction():
        if one_by_one:
            for values in increments:
                await database.execute(INCREMENT, *values)
        else:
            await database.executemany(INCREMENT, increments)


async def consume(one_by_one: bool) -> None:
    redis = Redis.from_url(os.environ["REDIS_URL"])
    database = await asyncpg.connect(os.environ["DATABASE_URL"])
    try:
        await redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
    while True:
        answer = await redis.xreadgroup(GROUP, CONSUMER, {STREAM: ">"}, count=READ_MAX, block=BLOCK_MS)
        for _, entries in answer:
            await count(database, [increment(fields[FIELD.encode()]) for _, fields in entries], one_by_one)
            await redis.xack(STREAM, GROUP, *(entry_id for entry_id, _ in entries))


if __name__ == "__main__":
    if sys.argv[1:] not in (["each"], ["many"]):
        sys.exit("usage: consumer.py each|many")
    uvloop.run(consume(sys.argv[1] == "each"))
