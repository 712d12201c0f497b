"""An event, as it is posted and as it stands in the stream."""

from datetime import datetime

from pydantic import BaseModel, Field

STREAM = "events"
FIELD = "event"


class Event(BaseModel):
    service: str = Field(min_length=1, max_length=200)
    method: str = Field(min_length=1, max_length=20)
    route: str = Field(min_length=1, max_length=500)
    status: int = Field(ge=100, le=599)
    duration_ms: float = Field(ge=0)
    timestamp: datetime
