use super::*;
use crate::membership::lease::Seen;
use crate::membership::standing::LeaseLost;

/// What happens at a time, and what is expected of it.
enum Step {
    /// The request that is to be sent, if one is.
    Asks(Option<&'static str>),
    /// The request in flight succeeds.
    Done,
    /// It does not.
    Fails(LeaseError),
    /// The watch brings what was sent last.
    Back,
    /// Another member's Lease is written.
    Other,
    /// Our own Lease is deleted.
    Deleted,
    /// The Lease is lost by time or by the view, for this reason.
    Lapses(Option<Why>),
    /// When to look again.
    Wakes(Option<u64>),
}
use Step::*;

fn unclear() -> LeaseError {
    LeaseError::Unclear("no answer".into())
}

fn seen(member: MemberId, version: i64) -> Seen {
    Seen {
        member,
        uid: String::new(),
        version: version.to_string(),
        stamp: Some(version),
        duration: LEASE_DURATION,
        released: false,
        lost: false,
        address: None,
    }
}

/// Plays the steps at their milliseconds. Returns how often the Lease was lost, by an answer or by a lapse.
fn check(steps: Vec<(u64, Step)>) -> Vec<(Why, Option<u64>)> {
    let epoch = Instant::now();
    let (mut own, mut losses) = (Own::new("pod", epoch), Vec::new());
    let mut view = View::new(own.member().clone());
    view.listing();
    view.listing_done(epoch);
    let mut lost = |own: &Own, view: &mut View, loss: Loss, now: Instant| {
        assert_ne!(&loss.former, own.member(), "a new name");
        view.become_member(own.member().clone(), loss.ended);
        assert_eq!(own.wake(view), None, "not before the group is listed again");
        view.listing();
        view.listing_done(now);
        losses.push((loss.why, loss.ended.map(|ended| millis(epoch, ended))));
    };
    for (line, (at, step)) in steps.into_iter().enumerate() {
        let now = epoch + Duration::from_millis(at);
        match step {
            Asks(expected) => {
                let ask = own.ask(&view, now, 1);
                let kind = ask.as_ref().map(|ask| match ask {
                    Ask::Create { stamp } | Ask::Renew { stamp, .. } => {
                        view.sends(*stamp, now);
                        if matches!(ask, Ask::Create { .. }) { "create" } else { "renew" }
                    }
                });
                assert_eq!(kind, expected, "step {line}");
            }
            Done => match own.answer(Ok("uid".to_owned()), now) {
                Some(Turn::Lost(loss)) => lost(&own, &mut view, loss, now),
                Some(Turn::Again(error)) => panic!("{error}"),
                Some(Turn::Joined(_)) | None => {}
            },
            Fails(error) => {
                if let Some(Turn::Lost(loss)) = own.answer(Err(error), now) {
                    lost(&own, &mut view, loss, now);
                }
            }
            Back => {
                view.changed(seen(own.member().clone(), own.stamp), now);
                own.heard(view.as_of().unwrap());
            }
            Other => view.changed(seen("other".parse().unwrap(), i64::try_from(at).unwrap()), now),
            Deleted => view.deleted(seen(own.member().clone(), own.stamp), now),
            Lapses(why) => {
                let loss = own.lapse(&view, now);
                assert_eq!(loss.as_ref().map(|loss| loss.why), why, "step {line}");
                if let Some(loss) = loss {
                    lost(&own, &mut view, loss, now);
                }
            }
            Wakes(expected) => {
                assert_eq!(own.wake(&view).map(|at| millis(epoch, at)), expected, "step {line}");
            }
        }
    }
    losses
}

fn millis(epoch: Instant, at: Instant) -> u64 {
    u64::try_from(at.duration_since(epoch).as_millis()).unwrap()
}

const CREATE: Step = Asks(Some("create"));
const RENEW: Step = Asks(Some("renew"));
const NOTHING: Step = Asks(None);

fn joined() -> Vec<(u64, Step)> {
    vec![(0, Wakes(Some(0))), (0, CREATE), (50, Done), (60, Back)]
}

fn then(steps: Vec<(u64, Step)>) -> Vec<(Why, Option<u64>)> {
    check(joined().into_iter().chain(steps).collect())
}

#[test]
fn the_lease_is_created_and_renewed_every_interval() {
    let kept = vec![
        (60, Wakes(Some(2000))),
        (1999, NOTHING),
        (2000, RENEW),
        // One request at a time.
        (2500, NOTHING),
        (2600, Done),
        (2610, Back),
        // Counted from when it was sent.
        (2700, Wakes(Some(4000))),
        (4000, RENEW),
        (4010, Done),
        (4020, Back),
        (4030, Lapses(None)),
    ];
    assert_eq!(then(kept), []);
}

#[test]
fn what_fails_is_tried_again_until_the_lease_may_have_run_out() {
    let recovers = vec![
        (2000, RENEW),
        (5000, Fails(unclear())),
        (5499, NOTHING),
        (5500, RENEW),
        (5600, Done),
        (5610, Back),
        (5700, Lapses(None)),
        (5700, Wakes(Some(7500))),
    ];
    assert_eq!(then(recovers), []);
    let ends = vec![
        (2000, RENEW),
        (5000, Fails(unclear())),
        (5500, RENEW),
        (6000, Wakes(Some(8000))),
        (7999, Lapses(None)),
        (8000, Lapses(Some(Why::Expired))),
        // Another joins at once.
        (8000, Wakes(Some(8000))),
        (8000, CREATE),
        (8100, Done),
        (8110, Back),
        (8200, Lapses(None)),
    ];
    assert_eq!(then(ends), [(Why::Expired, Some(8000))]);
    // An answer that comes too late does not bring it back, even if nobody looked in between.
    let late =
        vec![(7000, RENEW), (8000, Done), (8000, CREATE), (8010, Done), (8020, Back), (9000, Lapses(None))];
    assert_eq!(then(late), [(Why::Expired, Some(8000))]);
}

#[test]
fn a_lease_that_somebody_deleted_is_lost_at_once() {
    assert_eq!(
        then(vec![(2000, RENEW), (2100, Fails(LeaseError::Gone)), (2100, CREATE)]),
        [(Why::Deleted, Some(2100))]
    );
    assert_eq!(
        then(vec![(1000, Deleted), (1000, Lapses(Some(Why::Deleted))), (1000, CREATE)]),
        [(Why::Deleted, Some(1000))]
    );
}

#[test]
fn who_hears_nothing_of_the_group_gives_up() {
    let mut steps = vec![];
    for at in [2000, 4000, 6000, 8000] {
        steps.extend([(at, RENEW), (at + 10, Done), (at + 10, Lapses(None))]);
    }
    // It joins again when the group has been listed, which is so here.
    steps.extend([(9999, Lapses(None)), (10_000, Lapses(Some(Why::Unseen))), (10_000, CREATE)]);
    assert_eq!(then(steps), [(Why::Unseen, Some(10_000))]);
}

#[test]
fn joining_is_tried_again_under_the_same_name_unless_that_is_taken() {
    let refused = vec![
        (0, CREATE),
        (10, Fails(unclear())),
        (1009, NOTHING),
        (1010, CREATE),
        (1020, Done),
        (1030, Back),
    ];
    assert_eq!(check(refused), []);
    // It had been created after all, nobody knows when: nobody ever worked under that name.
    let taken =
        vec![(0, CREATE), (3000, Fails(unclear())), (4000, CREATE), (4010, Fails(LeaseError::Exists))];
    let again = vec![(4010, CREATE), (4020, Done), (4030, Back), (4030, Lapses(None))];
    assert_eq!(check(taken.into_iter().chain(again).collect()), [(Why::Exists, None)]);
}

#[test]
fn a_renewal_comes_early_when_it_settles_whether_another_is_lost() {
    let renewed = |at: u64| vec![(at, RENEW), (at + 10, Done), (at + 20, Back)];
    let mut steps = vec![(900, Other)];
    for at in [2000, 4000, 6000, 8000, 10_000] {
        steps.extend(renewed(at));
    }
    // The other's Lease ends at 10.9 s.
    steps.extend([(10_050, Wakes(Some(10_900))), (10_899, NOTHING), (10_900, RENEW), (10_910, Done)]);
    // Sent already, though it has not come back.
    steps.extend([(10_920, Wakes(Some(12_900))), (10_930, Back), (10_940, Wakes(Some(12_900)))]);
    assert_eq!(then(steps), []);
    // Not twice within a short time.
    let mut steps = vec![(100, Other)];
    for at in [2000, 4000, 6000, 8000, 10_000] {
        steps.extend(renewed(at));
    }
    steps.push((10_050, Wakes(Some(10_500))));
    assert_eq!(then(steps), []);
}

#[test]
fn nothing_is_asked_before_the_group_is_known() {
    let epoch = Instant::now();
    let mut own = Own::new("pod", epoch);
    let view = View::new(own.member().clone());
    assert_eq!((own.wake(&view), own.ask(&view, epoch, 1)), (None, None));
}

#[test]
fn a_lost_lease_permits_nothing() {
    let epoch = Instant::now();
    let mut own = Own::new("pod", epoch);
    let mut view = View::new(own.member().clone());
    view.listing();
    view.listing_done(epoch);
    own.ask(&view, epoch, 1).unwrap();
    let Some(Turn::Joined(tenure)) = own.answer(Ok("uid".to_owned()), epoch) else { panic!("not joined") };
    tenure.seen(epoch);
    assert!(tenure.check_at(epoch).is_ok());
    let loss = own.lapse(&view, epoch + Duration::from_secs(60)).unwrap();
    assert_eq!(tenure.check_at(epoch).unwrap_err(), LeaseLost::Ended(loss.former));
}
