-- What messages cost, as Meta told of each and as the price lists of that day valued it. day: of the status, in UTC. category: Meta's
-- word. country: of the recipient's number; empty where none is known. currency: empty where nothing is valued. unpriced: those
-- among the billed ones that no list had a price for. micros: millionths of the currency's unit.
CREATE TABLE spend (
    billed BIGINT NOT NULL,
    free BIGINT NOT NULL,
    unpriced BIGINT NOT NULL,
    micros BIGINT NOT NULL,
    day TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C" NOT NULL,
    category TEXT COLLATE "C" NOT NULL,
    country TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (day, number, category, country, currency)
);

-- The sum of a month, against which the budget is held. warned_micros, stopped_micros: the budget's warning and limit that were acted
-- upon last: each is acted upon once, and again when it is another.
CREATE TABLE spend_month (
    micros BIGINT NOT NULL,
    warned_micros BIGINT,
    stopped_micros BIGINT,
    month TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (month, currency)
);
