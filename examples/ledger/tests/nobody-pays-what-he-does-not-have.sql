INSERT INTO accounts VALUES ('bank', true), ('ann', false), ('bob', false);
SELECT pay('bank', 'ann', 100);

DO $$ BEGIN
    PERFORM pay('ann', 'bob', 101);
    ASSERT false, 'ann has paid more than she had';
EXCEPTION WHEN check_violation THEN
    ASSERT (SELECT cents FROM balances WHERE name = 'ann') = 100, 'nothing has been taken';
END $$;
