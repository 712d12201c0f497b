-- For whoever reads all endpoints of a window: the rows of a time lie together. Summarised as rows come, not only by the next
-- VACUUM, or its reader would go through the whole day.
CREATE INDEX endpoint_minute_start ON endpoint_minute USING brin (start) WITH (autosummarize = on);
DROP INDEX endpoint_hour_start, endpoint_day_start;
CREATE INDEX endpoint_hour_start ON endpoint_hour USING brin (start) WITH (autosummarize = on);
CREATE INDEX endpoint_day_start ON endpoint_day USING brin (start) WITH (autosummarize = on);
