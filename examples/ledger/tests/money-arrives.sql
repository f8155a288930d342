INSERT INTO accounts VALUES ('bank', true), ('ann', false), ('bob', false);
SELECT pay('bank', 'ann', 1000), pay('ann', 'bob', 250);

DO $$ BEGIN
    ASSERT (SELECT cents FROM balances WHERE name = 'ann') = 750, 'ann has paid';
    ASSERT (SELECT cents FROM balances WHERE name = 'bob') = 250, 'bob has been paid';
END $$;
