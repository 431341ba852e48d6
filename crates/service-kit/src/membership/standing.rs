//! Whether this process may write, asked before each write. Pure but for [`Standing::check`] and its like, which read the clock.
//!
//! The clock is `std::time::Instant`: on Linux CLOCK_MONOTONIC, which goes on while a process is stopped by SIGSTOP. What was asked before a
//! stop is asked anew after it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::{LEASE_DURATION, MemberId, SAFETY_MARGIN, VIEW_DURATION};

/// Why nothing may be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseLost {
    /// The process has no Lease yet, or no longer.
    #[error(
        "this process is no member of its group and writes nothing until it is; see its log for why it cannot join"
    )]
    NotJoined,
    /// The Lease may have run out.
    #[error(
        "the Lease of {0} could not be renewed in time; its work is the others', and this process joins again as a new member"
    )]
    Expired(MemberId),
    /// The member is no more: it left, or its Lease was deleted.
    #[error("{0} is no member of its group any more; this work is that of another member now")]
    Ended(MemberId),
    /// The Lease holds, but there are no news of the others.
    #[error(
        "{0} has not heard of the other members for {VIEW_DURATION:?} and writes nothing until it does; the watch of Leases is late"
    )]
    Unseen(MemberId),
}

/// That one write may be begun. Ask for another before the next.
#[derive(Debug)]
#[must_use = "a permit is asked for before a write, and is of no use after it"]
pub struct Permit {
    until: Instant,
}

impl Permit {
    /// When it ends: a write that takes longer may meet another's.
    #[must_use]
    pub fn until(&self) -> Instant {
        self.until
    }
}

/// Whether this process may write. Cheap to clone and to ask: a read lock that is only ever contended when a Lease is lost.
#[derive(Debug, Clone, Default)]
pub struct Standing(Arc<RwLock<Option<Tenure>>>);

impl Standing {
    /// The standing of a process that shares its work with nobody: it always may write.
    #[must_use]
    pub fn alone(member: MemberId) -> Self {
        let standing = Self::default();
        let tenure = Tenure::new(member, Instant::now());
        tenure.0.lease_until.store(u64::MAX, Ordering::SeqCst);
        tenure.0.view_until.store(u64::MAX, Ordering::SeqCst);
        standing.set(Some(tenure));
        standing
    }

    /// How long this process may surely write. `None` when its Lease may have run out or it has not heard of the group lately.
    #[must_use]
    pub fn valid_for(&self) -> Option<Duration> {
        let now = Instant::now();
        self.check_at(now).ok().map(|permit| permit.until.saturating_duration_since(now))
    }

    /// Asks for one write.
    ///
    /// Work of several writes asks by [`Self::tenure`], lest it go on after its process has lost its Lease and joined again.
    ///
    /// # Errors
    /// [`LeaseLost`].
    pub fn check(&self) -> Result<Permit, LeaseLost> {
        self.check_at(Instant::now())
    }

    /// The present membership, for one piece of work: its checks fail from the moment it is lost, even when the process has joined again.
    ///
    /// # Errors
    /// [`LeaseLost`].
    pub fn tenure(&self) -> Result<Tenure, LeaseLost> {
        let tenure = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        let tenure = tenure.ok_or(LeaseLost::NotJoined)?;
        tenure.check().map(|_| tenure.clone())
    }

    fn check_at(&self, now: Instant) -> Result<Permit, LeaseLost> {
        let tenure = self.0.read().unwrap_or_else(PoisonError::into_inner);
        tenure.as_ref().ok_or(LeaseLost::NotJoined)?.check_at(now)
    }

    /// The membership that is asked from now on.
    pub(super) fn set(&self, tenure: Option<Tenure>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = tenure;
    }
}

/// One membership of this process, from a Lease's creation to its loss.
#[derive(Debug, Clone)]
pub struct Tenure(Arc<Ends>);

#[derive(Debug)]
struct Ends {
    member: MemberId,
    /// What the ends are counted from, in nanoseconds.
    epoch: Instant,
    /// When the Lease may run out. 0 when it is lost, which is for ever.
    lease_until: AtomicU64,
    /// When the view of the group is too old.
    view_until: AtomicU64,
}

impl Tenure {
    /// One whose Lease was created by a request sent at `sent`. Nothing of the group has been seen yet.
    pub(super) fn new(member: MemberId, sent: Instant) -> Self {
        let until = nanos(LEASE_DURATION - SAFETY_MARGIN);
        let ends =
            Ends { member, epoch: sent, lease_until: AtomicU64::new(until), view_until: AtomicU64::new(0) };
        Self(Arc::new(ends))
    }

    /// Who this is.
    #[must_use]
    pub fn member(&self) -> &MemberId {
        &self.0.member
    }

    /// Asks for one write.
    ///
    /// # Errors
    /// [`LeaseLost`].
    pub fn check(&self) -> Result<Permit, LeaseLost> {
        self.check_at(Instant::now())
    }

    pub(super) fn check_at(&self, now: Instant) -> Result<Permit, LeaseLost> {
        let now = self.since_epoch(now);
        let lease = self.0.lease_until.load(Ordering::SeqCst);
        let view = self.0.view_until.load(Ordering::SeqCst);
        let member = || self.0.member.clone();
        match () {
            () if lease == 0 => Err(LeaseLost::Ended(member())),
            () if now >= lease => Err(LeaseLost::Expired(member())),
            () if now >= view => Err(LeaseLost::Unseen(member())),
            () => Ok(Permit { until: self.instant(lease.min(view)) }),
        }
    }

    /// Until when the Lease surely holds; `None` when it is lost.
    pub(super) fn lease_until(&self) -> Option<Instant> {
        let until = self.0.lease_until.load(Ordering::SeqCst);
        (until > 0).then(|| self.instant(until))
    }

    /// The Lease was renewed by a request sent at `sent`, and `now` the answer is there. False when that is too late: a Lease that may have
    /// run out has been lost.
    pub(super) fn renewed(&self, sent: Instant, now: Instant) -> bool {
        let (now, until) = (self.since_epoch(now), self.since_epoch(sent + LEASE_DURATION - SAFETY_MARGIN));
        let renew = |old: u64| (now < old).then_some(old.max(until));
        self.0.lease_until.fetch_update(Ordering::SeqCst, Ordering::SeqCst, renew).is_ok()
    }

    /// The view of the group is complete up to `as_of`.
    pub(super) fn seen(&self, as_of: Instant) {
        self.0.view_until.fetch_max(self.since_epoch(as_of + VIEW_DURATION), Ordering::SeqCst);
    }

    /// It is over, for ever.
    pub(super) fn end(&self) {
        self.0.lease_until.store(0, Ordering::SeqCst);
    }

    fn since_epoch(&self, at: Instant) -> u64 {
        nanos(at.saturating_duration_since(self.0.epoch))
    }

    fn instant(&self, nanos: u64) -> Instant {
        // Only the end of a process that is alone lies that far ahead.
        let far = Duration::from_secs(100 * 365 * 24 * 3600);
        self.0.epoch + Duration::from_nanos(nanos).min(far)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::process::{Command, Stdio};

    use super::*;

    /// What happens, in milliseconds after the Lease's creation was sent.
    enum Event {
        /// A renewal sent at the first time is answered at the second.
        Renewed(u64, u64),
        /// The view is complete up to then.
        Seen(u64),
        /// It is lost.
        End,
    }
    use Event::*;

    #[test]
    fn writes_are_permitted_while_lease_and_view_surely_hold() {
        let member: MemberId = "a".parse().unwrap();
        let (expired, ended, unseen) = (
            Err(LeaseLost::Expired(member.clone())),
            Err(LeaseLost::Ended(member.clone())),
            Err(LeaseLost::Unseen(member.clone())),
        );
        let check = |events: &[Event], at: u64, expected: &Result<u64, LeaseLost>| {
            let epoch = Instant::now();
            let time = |millis: u64| epoch + Duration::from_millis(millis);
            let tenure = Tenure::new(member.clone(), epoch);
            for event in events {
                match *event {
                    Renewed(sent, answered) => drop(tenure.renewed(time(sent), time(answered))),
                    Seen(as_of) => tenure.seen(time(as_of)),
                    End => tenure.end(),
                }
            }
            let until = tenure.check_at(time(at)).map(|permit| permit.until);
            assert_eq!(until, expected.clone().map(time), "at {at}");
        };
        // Nothing is known of the group.
        check(&[], 0, &unseen);
        // The view is good for 4 s.
        check(&[Seen(0)], 0, &Ok(4000));
        check(&[Seen(0)], 3999, &Ok(4000));
        check(&[Seen(0)], 4000, &unseen);
        check(&[Seen(0), Seen(2000), Seen(1000)], 5000, &Ok(6000));
        // The Lease is good for 8 s, counted from before the request.
        check(&[Seen(5000)], 7999, &Ok(8000));
        check(&[Seen(5000)], 8000, &expired);
        check(&[Renewed(2000, 4000), Seen(9000)], 9999, &Ok(10_000));
        check(&[Renewed(2000, 4000), Seen(9000)], 10_000, &expired);
        // An earlier renewal that is answered late takes nothing away.
        check(&[Renewed(4000, 4100), Renewed(2000, 4200), Seen(9000)], 11_000, &Ok(12_000));
        // A renewal that is answered after the Lease may have run out comes too late.
        check(&[Renewed(7000, 7999), Seen(12_000)], 13_000, &Ok(15_000));
        check(&[Renewed(7000, 8000), Seen(9000)], 9000, &expired);
        check(&[Renewed(7000, 8000), Renewed(8100, 8200), Seen(9000)], 9000, &expired);
        // What is lost stays lost.
        check(&[Seen(0), End], 1, &ended);
        check(&[Seen(0), End, Renewed(2000, 2100), Seen(2000)], 2200, &ended);
    }

    #[test]
    fn work_begun_under_a_lost_lease_does_not_go_on_under_the_next() {
        let standing = Standing::default();
        assert_eq!(standing.check().unwrap_err(), LeaseLost::NotJoined);
        assert_eq!(standing.valid_for(), None);
        let begin = |name: &str| {
            let tenure = Tenure::new(name.parse().unwrap(), Instant::now());
            tenure.seen(Instant::now());
            standing.set(Some(tenure.clone()));
            tenure
        };
        let first = begin("first");
        let work = standing.tenure().unwrap();
        assert!(work.check().is_ok() && standing.valid_for() > Some(Duration::from_secs(3)));
        first.end();
        assert_eq!(work.check().unwrap_err(), LeaseLost::Ended("first".parse().unwrap()));
        assert!(standing.check().is_err() && standing.tenure().is_err());
        begin("second");
        assert!(standing.check().is_ok());
        assert!(work.check().is_err());
        assert_eq!(standing.tenure().unwrap().member().as_str(), "second");
    }

    #[test]
    fn who_is_alone_always_may() {
        let standing = Standing::alone("a".parse().unwrap());
        assert!(standing.check().is_ok() && standing.valid_for() > Some(LEASE_DURATION));
    }

    const STOPPED: &str = "WINDLASS_TEST_STOPPED";

    /// The process that the test below stops: says for each line that it reads what the check says.
    fn be_stopped() {
        let tenure = Tenure::new("stopped".parse().unwrap(), Instant::now());
        for line in std::io::stdin().lines() {
            // Renewed and seen once, so that what ends it is time alone.
            if line.unwrap() == "begin" {
                tenure.seen(Instant::now());
            }
            writeln!(std::io::stdout(), "CHECK {}", tenure.check().is_ok()).unwrap();
        }
    }

    #[test]
    fn a_process_that_was_stopped_past_the_end_may_not_write() {
        use rustix::process::{Pid, Signal, kill_process};
        if std::env::var_os(STOPPED).is_some() {
            return be_stopped();
        }
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "membership::standing::tests::a_process_that_was_stopped_past_the_end_may_not_write",
            ])
            .args(["--nocapture", "--test-threads=1"])
            .env(STOPPED, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let mut ask = |what: &str| {
            writeln!(input, "{what}").unwrap();
            // The harness's own words may stand before it on the line.
            lines.find_map(|line| Some(line.split_once("CHECK ")?.1 == "true")).unwrap()
        };
        let begun = Instant::now();
        assert!(ask("begin"), "it may write at first");
        assert!(ask("check"));
        let pid = Pid::from_child(&child);
        kill_process(pid, Signal::STOP).unwrap();
        // The time that the Lease and the view have; there is nothing else to wait for.
        std::thread::sleep((begun + VIEW_DURATION).saturating_duration_since(Instant::now()) + MOMENT);
        kill_process(pid, Signal::CONT).unwrap();
        assert!(!ask("check"), "it may not write after it was stopped for so long");
        drop(input);
        assert!(child.wait().unwrap().success());
    }

    const MOMENT: Duration = Duration::from_millis(200);
}
