"""The front door: an event, or a line each, becomes an entry each of a Redis stream."""

import os
from contextlib import asynccontextmanager

from event import FIELD, STREAM, Event
from fastapi import FastAPI, HTTPException, Request
from pydantic import ValidationError
from redis.asyncio import Redis

BATCH_MAX = 10_000


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with Redis.from_url(os.environ["REDIS_URL"]) as redis:
        app.state.redis = redis
        yield


app = FastAPI(lifespan=lifespan, openapi_url=None)


@app.get("/health")
async def health() -> None:
    return None


@app.post("/event", status_code=202)
async def post_event(event: Event, request: Request) -> None:
    await request.app.state.redis.xadd(STREAM, {FIELD: event.model_dump_json()})


@app.post("/events", status_code=202)
async def post_events(request: Request) -> None:
    lines = (await request.body()).splitlines()
    if len(lines) > BATCH_MAX:
        raise HTTPException(413, f"more than {BATCH_MAX} events")
    try:
        events = [Event.model_validate_json(line) for line in lines]
    except ValidationError as error:
        raise HTTPException(422, error.errors(include_url=False, include_context=False)) from error
    pipeline = request.app.state.redis.pipeline(transaction=False)
    for event in events:
        pipeline.xadd(STREAM, {FIELD: event.model_dump_json()})
    await pipeline.execute()
