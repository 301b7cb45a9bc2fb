//! What attempts have in common, by number.
//!
//! A gateway sees few different combinations of names, protocols and endings, and each attempt would repeat all of them.
//! Each combination is stored once; the writer remembers their numbers.

use crate::record::{AttemptRecord, Call, CostState, Outcome, Target};
use sqlx::{Arguments, SqliteConnection, error::BoxDynError, sqlite::SqliteArguments};
use std::{borrow::Cow, collections::HashMap};

/// More are forgotten, all at once, and looked up again: clients choose the requested names.
const REMEMBERED: usize = 4096;

/// All of an attempt but its identity and its measures.
#[derive(PartialEq, Eq, Hash)]
struct Kind {
    call: Call,
    target: Target,
    outcome: Outcome,
    status: Option<u16>,
    error_code: Option<Cow<'static, str>>,
    cost: CostState,
    usage_known: bool,
}

/// The numbers of the kinds met so far.
#[derive(Default)]
pub(super) struct Kinds {
    numbers: HashMap<Kind, i64>,
}

impl Kinds {
    /// The kind of each row, storing those that are new.
    pub(super) async fn of(
        &mut self,
        connection: &mut SqliteConnection,
        rows: &[AttemptRecord],
    ) -> Result<Vec<i64>, sqlx::Error> {
        let mut numbers = Vec::with_capacity(rows.len());
        for row in rows {
            let kind = Kind::of(row);
            let number = match self.numbers.get(&kind) {
                Some(number) => *number,
                None => self.learn(connection, kind).await?,
            };
            numbers.push(number);
        }
        Ok(numbers)
    }

    async fn learn(&mut self, connection: &mut SqliteConnection, kind: Kind) -> Result<i64, sqlx::Error> {
        let arguments = kind.arguments().map_err(sqlx::Error::Encode)?;
        let insert = sqlx::query_with(include_str!("../../sql/insert_kind.sql"), arguments.clone());
        insert.execute(&mut *connection).await?;
        let find = sqlx::query_scalar_with(include_str!("../../sql/find_kind.sql"), arguments);
        let number = find.fetch_one(connection).await?;
        if self.numbers.len() >= REMEMBERED {
            self.numbers.clear();
        }
        self.numbers.insert(kind, number);
        Ok(number)
    }
}

impl Kind {
    fn of(row: &AttemptRecord) -> Self {
        Self {
            call: row.call.clone(),
            target: row.target.clone(),
            outcome: row.ending.outcome,
            status: row.ending.status,
            error_code: row.ending.error_code.clone(),
            cost: row.ending.cost,
            usage_known: row.tokens.known,
        }
    }

    /// In the order of `insert_kind.sql` and `find_kind.sql`.
    fn arguments(&self) -> Result<SqliteArguments, BoxDynError> {
        let Self { call, target, outcome, status, error_code, cost, usage_known } = self;
        let mut to = SqliteArguments::default();
        to.add(&*call.client_protocol)?;
        to.add(&*call.upstream_protocol)?;
        to.add(call.lane.name())?;
        to.add(call.streamed)?;
        to.add(&*call.requested_model)?;
        to.add(target.provider.as_str())?;
        to.add(target.account.as_str())?;
        to.add(&*target.model)?;
        to.add(&*target.upstream_model)?;
        to.add(outcome.name())?;
        to.add(status)?;
        to.add(error_code.as_deref())?;
        to.add(cost.name())?;
        to.add(usage_known)?;
        Ok(to)
    }
}
