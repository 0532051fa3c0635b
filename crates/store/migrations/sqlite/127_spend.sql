-- The twin of ../postgres/127_spend.sql, which has the reasons.
CREATE TABLE spend (
    billed BIGINT NOT NULL,
    free BIGINT NOT NULL,
    unpriced BIGINT NOT NULL,
    micros BIGINT NOT NULL,
    day TEXT NOT NULL,
    number TEXT NOT NULL,
    category TEXT NOT NULL,
    country TEXT NOT NULL,
    currency TEXT NOT NULL,
    PRIMARY KEY (day, number, category, country, currency)
);

-- The sum of a month, against which the budget is held. warned_micros, stopped_micros: the budget's warning and limit that were acted
-- upon last: each is acted upon once, and again when it is another.
CREATE TABLE spend_month (
    micros BIGINT NOT NULL,
    warned_micros BIGINT,
    stopped_micros BIGINT,
    month TEXT NOT NULL,
    currency TEXT NOT NULL,
    PRIMARY KEY (month, currency)
);
