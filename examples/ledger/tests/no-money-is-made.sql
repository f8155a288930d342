INSERT INTO accounts VALUES ('bank', true), ('ann', false), ('bob', false);
SELECT pay('bank', 'ann', number) FROM generate_series(1, 500) AS number;
SELECT pay('ann', 'bob', 10) FROM generate_series(1, 500);

DO $$ BEGIN
    ASSERT (SELECT count(*) FROM transfers) = 1000, 'all payments are written down';
    ASSERT (SELECT sum(cents) FROM balances) = 0, 'what one has another one owes';
END $$;
