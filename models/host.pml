/* What both models share: ring, cells, completions, producers, the host's way to stop (src/megakernel/ring.c, cells.c,
 * session.c, session_slots.c). README.md says what is shown and what is left out. */

#ifndef ERROR
#define ERROR 0 /* an error that is planted: the list `errors` */
#endif
#ifndef SLOTS_0
#define SLOTS_0 2 /* of the first producer */
#endif
#ifndef SLOTS_1
#define SLOTS_1 1 /* of the second one */
#endif
#ifndef END
#define END 1 /* 1: SHUTDOWN when all is read. At any time: 2: SHUTDOWN; 3: stop; 4: SHUTDOWN, then stop */
#endif

#ifndef RING
#define RING 2
#endif
#define CELLS RING /* at most as many as slots: vyre_session_create */
#ifndef WORKERS
#define WORKERS 2 /* 1 in dispatched: then slots queue */
#endif
#define PRODUCERS ((SLOTS_0 > 0) + (SLOTS_1 > 0))
#define TICKETS (SLOTS_0 + SLOTS_1 + 1) /* the SHUTDOWN's among them */
#define NONE 255

/* An INLINE slot the dispatcher carries out, a RUN slot a worker; a FENCE covers all tickets below its own. */
mtype = { INLINE, RUN, FENCE, SHUTDOWN };

/* STOP */
#define RUNNING 0
#define FINISH 1
#define NOW 2

/* ---- what everybody sees ---- */

/* The ring. Quarters 0 to 2 of a slot are one here, `front`; the cell stands in the last. The words of a quarter are
 * its ticket, so that a torn slot is seen, and what it is stands in `kind`. */
byte front_word[RING], front_tag[RING];
byte last_word[RING], last_tag[RING], last_cell[RING];

/* Completions: the tag is ticket + 1, the words are the ticket. */
byte done_tag[CELLS], done_word[CELLS];

byte taken;    /* TAKEN */
byte stop;     /* STOP */
byte sleepers; /* SLEEPERS */
byte left;     /* how many loops have returned */
bit park;      /* PARK; dispatched only, as what follows */
bit launch;    /* which one it is */
bit swaps;     /* the host swaps the kernel */
bit is_over;   /* nobody launches it again */

/* ---- what the host keeps ---- */

byte next_ticket;
bit cell_is_used[CELLS];
byte cell_ticket[CELLS]; /* ticket + 1, 0 when nobody waits for it */
byte producers_done;

/* ---- what is to be shown ---- */

/* The life of a ticket: 0, TAKEN, of a RUN slot also BEGUN, COMPLETED, READ. */
#define TAKEN 1
#define BEGUN 2
#define COMPLETED 3
#define READ 4
byte life_of[TICKETS];
mtype kind[TICKETS];
byte shutdown_ticket = NONE;
bit stop_was_asked;

#define PLACE(t) ((t) % RING)
#define LAP(t) ((t) / RING + 1)
#define IS_PUBLISHED(t) (front_tag[PLACE(t)] == LAP(t) && last_tag[PLACE(t)] == LAP(t))

/* The dispatcher has found a slot: all of it is there, nobody has taken it before, and no SHUTDOWN was. */
inline note_taken(t_) {
  assert(life_of[t_] == 0);
  assert(front_word[PLACE(t_)] == t_ && last_word[PLACE(t_)] == t_);
  assert(cell_ticket[last_cell[PLACE(t_)]] == t_ + 1);
  assert(shutdown_ticket == NONE || t_ <= shutdown_ticket);
  life_of[t_] = TAKEN
}

/* A worker begins: once, and not after STOP has become NOW, unless it was asked for. */
inline note_begun(t_) {
  assert(life_of[t_] == TAKEN && kind[t_] == RUN);
  assert(stop < NOW || stop_was_asked);
  life_of[t_] = BEGUN
}

/* One 16-byte store. It completes a ticket once, and in a cell that nobody reads any more. */
inline complete(t_, c_, from) {
  atomic {
    assert(life_of[t_] == from);
    assert(cell_ticket[c_] == t_ + 1);
    life_of[t_] = COMPLETED;
    done_tag[c_] = t_ + 1;
#if ERROR == 3
  }
  atomic {
#endif
    done_word[c_] = t_
  }
}

/* A fence completes: everything below it has. */
inline assert_fenced(t_) {
  d_step {
    scratch = 0;
    do
    :: scratch < t_ -> assert(life_of[scratch] >= COMPLETED); scratch++
    :: else -> break
    od;
    scratch = 0
  }
}
byte scratch; /* of d_steps, 0 between them */

/* ---- sleep on EVENT ----
 *
 * A futex: who sleeps says which value it has seen, and does not fall asleep when there is another one. The value only
 * grows, so what counts is whether it has changed since this sleeper looked. */

#define AWAKE 0
#define HAS_LOOKED 1
#define SLEEPS 2
byte sleeper[2]; /* of the loops that sleep on EVENT: in direct all, in dispatched [0], the dispatcher */

inline change_event() {
  d_step {
    scratch = 0;
    do
    :: scratch < 2 ->
      if
      :: sleeper[scratch] == HAS_LOOKED -> sleeper[scratch] = AWAKE
      :: else
      fi;
      scratch++
    :: else -> break
    od;
    scratch = 0
  }
}

inline wake_all() {
  change_event();
  d_step {
    if :: sleeper[0] == SLEEPS -> sleeper[0] = AWAKE :: else fi;
    if :: sleeper[1] == SLEEPS -> sleeper[1] = AWAKE :: else fi
  }
}

inline wake_one() {
  change_event();
  if
  :: atomic { sleeper[0] == SLEEPS -> sleeper[0] = AWAKE }
  :: atomic { sleeper[1] == SLEEPS -> sleeper[1] = AWAKE }
  :: atomic { sleeper[0] != SLEEPS && sleeper[1] != SLEEPS -> skip }
  fi
}

inline look_for_sleepers() {
  if
  :: sleepers > 0 -> wake_one()
  :: else
  fi
}

/* Before the last look. */
inline announce_sleep(me_) {
  sleeper[me_] = HAS_LOOKED;
  sleepers++
}

/* Sleeps in the model have no end. Where the loop relies on theirs (50 ms) it says so: `bound`. */
inline sleep_on_event(me_, bound) {
  if
  :: atomic { sleeper[me_] == HAS_LOOKED -> sleeper[me_] = SLEEPS };
     atomic { sleeper[me_] == AWAKE || (bound) -> sleeper[me_] = AWAKE; sleepers-- }
  :: atomic { sleeper[me_] == AWAKE -> sleepers-- }
  fi
}

/* ---- producers ---- */

/* All loops have returned, and not to be launched anew. */
#define HAS_ENDED (left == LOOPS && !swaps)

#define HAS_FREE_CELL (!cell_is_used[0] || !cell_is_used[1] || !cell_is_used[CELLS - 1])

inline acquire_cell(c_) {
  atomic {
    HAS_FREE_CELL;
    c_ = 0;
    do
    :: cell_is_used[c_] -> c_++
    :: else -> break
    od;
    cell_is_used[c_] = 1
  }
}

/* vyre_ring_publish, from the ticket on. The cell was got before. */
inline publish(t_, c_) {
#if ERROR == 5
  look_for_sleepers();
#endif
  atomic {
    t_ < taken + RING; /* await_slot; once true it stays so */
    cell_ticket[c_] = t_ + 1;
    assert(t_ < RING || life_of[t_ - RING] != 0 || HAS_ENDED); /* what stood there was taken */
    front_word[PLACE(t_)] = t_;
    front_tag[PLACE(t_)] = LAP(t_)
  }
#if ERROR == 2
  atomic { last_tag[PLACE(t_)] = LAP(t_); last_cell[PLACE(t_)] = c_ }
  last_word[PLACE(t_)] = t_;
#else
  atomic { last_word[PLACE(t_)] = t_; last_tag[PLACE(t_)] = LAP(t_); last_cell[PLACE(t_)] = c_ }
#endif
#if ERROR != 5
  look_for_sleepers()
#endif
}

/* vyre_ring_take. The words stay as they are until the cell is returned, so they are read in one step with it. */
inline read_completion(t_, c_) {
#if ERROR == 4
  atomic { done_tag[c_] == t_ + 1 -> cell_ticket[c_] = 0; cell_is_used[c_] = 0 }
  assert(done_word[c_] == t_);
#else
  atomic {
    done_tag[c_] == t_ + 1 ->
    assert(life_of[t_] == COMPLETED && done_word[c_] == t_);
    life_of[t_] = READ;
    cell_ticket[c_] = 0;
    cell_is_used[c_] = 0
  }
#endif
}

inline choose_kind(t_) {
  if
#ifdef INLINES
  :: kind[t_] = INLINE
#endif
#ifdef RUNS
  :: kind[t_] = RUN
#endif
#ifdef FENCES
  :: kind[t_] = FENCE
#endif
  fi
}

/* Keeps the slot before the last one unread while it publishes one more, when there are cells for both. */
proctype producer(byte slots) {
  byte t, c, old_t = NONE, old_c;
  do
  :: atomic { slots > 0 && HAS_FREE_CELL -> acquire_cell(c) };
     atomic { t = next_ticket; next_ticket++; choose_kind(t); slots-- }
     publish(t, c);
     if
     :: old_t != NONE -> read_completion(old_t, old_c)
     :: else
     fi;
     atomic { old_t = t; old_c = c; t = 0; c = 0 }
  :: old_t != NONE -> /* no cell, or nothing more to publish */
     read_completion(old_t, old_c);
     atomic { old_t = NONE; old_c = 0 }
  :: slots == 0 && old_t == NONE -> break
  :: HAS_ENDED && old_t == NONE -> break /* VYRE_E_STOPPED */
  od;
  producers_done++
}

/* ---- the end ---- */

/* vyre_ring_cancel, which whoever waits calls when all loops have returned: what has not completed is cancelled. What
 * was published before a SHUTDOWN has completed then, unless a stop was asked for as well. */
inline cancel_cell(c_) {
  assert(stop_was_asked || cell_ticket[c_] - 1 > shutdown_ticket);
  life_of[cell_ticket[c_] - 1] = COMPLETED;
  done_word[c_] = cell_ticket[c_] - 1;
  done_tag[c_] = cell_ticket[c_]
}

inline cancel() {
  do
  :: taken != next_ticket -> taken = next_ticket
  :: atomic { cell_ticket[0] != 0 && done_tag[0] != cell_ticket[0] -> cancel_cell(0) }
  :: atomic { cell_ticket[1] != 0 && done_tag[1] != cell_ticket[1] -> cancel_cell(1) }
  :: atomic { cell_ticket[CELLS - 1] != 0 && done_tag[CELLS - 1] != cell_ticket[CELLS - 1] -> cancel_cell(CELLS - 1) }
  :: producers_done == PRODUCERS -> break
  od
}

/* Ends the session, and sees that all of it ends. */
proctype host() {
  byte c;
#if END == 1
  producers_done == PRODUCERS;
#endif
#ifdef PARKS
  swaps = 1;
  park = 1;
  left == LOOPS;
  atomic { park = 0; left = 0; launch++ }
  swaps = 0;
#endif
#if END != 3
  acquire_cell(c);
  atomic { shutdown_ticket = next_ticket; next_ticket++; kind[shutdown_ticket] = SHUTDOWN }
  publish(shutdown_ticket, c);
#endif
#if END >= 3
  atomic { stop_was_asked = 1; stop = NOW }
  wake_all();
#endif
  HAS_ENDED;
  is_over = 1;
#if END <= 2
  assert(life_of[shutdown_ticket] == COMPLETED);
#endif
  cancel()
}
