/* Topology dispatched: src/megakernel/loop_dispatched.c, loop_dispatched_worker.c, loop_fences.c, vyre_loop_sleep of
 * loop.c, park and relaunch of session.c. */
#define LOOPS (WORKERS + 1)
#include "host.pml"

byte life[CELLS];     /* LIFE: ticket + 1 of the last slot of the cell */
byte queue[RING];     /* the queue of one class; the dispatcher alone reads and writes it */
byte entry[CELLS];    /* of the slot table: the ticket */
byte saved_head, saved_tail, saved_ticket; /* QUEUE_HEAD, QUEUE_TAIL, TICKET: while no dispatcher lives */
bit open_fences;      /* OPEN_FENCES, likewise: one may be open */
byte fence_ticket, fence_own_cell, fence_cell; /* its record: where it completes, how far it has looked */
byte last_user;       /* LAST_USER: ticket + 1 */

/* Each worker's block. Of a letter's four quarters two are told apart; each has the letter's number. */
byte letter_ticket[2], letter_number_0[2];
byte letter_cell[2], letter_number_3[2];
byte answer[2];  /* DONE: the number of the last letter that was carried out */
bit is_asleep[2]; /* ASLEEP */
bit sleeps[2];   /* on the number in the letter's last quarter */

#ifdef STALLS
/* The handler of the slot of that ticket does not return before everything that is published and not fenced has
 * completed: the dispatcher waits for no worker. */
#define IS_DONE(u) (u >= next_ticket || u == STALLS || kind[u] == FENCE || kind[u] == SHUTDOWN || \
                    life_of[u] >= COMPLETED)
#define MAY_RETURN(t_) (t_ != STALLS || (IS_DONE(0) && IS_DONE(1) && IS_DONE(2)))
#else
#define MAY_RETURN(t_) true
#endif

/* ---- the dispatcher ---- */

#define QUEUE_IS_EMPTY (head == tail)
#define HAS_ANSWERED(w) (w < WORKERS && !is_free[w] && answer[w] == number[w])
#define ALL_ARE_FREE (is_free[0] && (WORKERS == 1 || is_free[1]))
#define SOME_IS_FREE (is_free[0] || is_free[1])
/* Of the open fence: the next cell's slot is one of its tickets and has not completed. */
#define FENCE_WAITS (fence_cell < CELLS && life[fence_cell] != 0 && life[fence_cell] <= fence_ticket && \
                     done_tag[fence_cell] != life[fence_cell])

/* The letter is written in any order, and only to who has carried out the one before. Then who sleeps is woken. */
inline send_letter(t_, c_) {
  atomic {
    w = (is_free[0] -> 0 : 1);
    assert(is_free[w] && answer[w] == number[w]);
    is_free[w] = 0;
    number[w]++
  }
#if ERROR == 23
  was_asleep = is_asleep[w];
#endif
  if
  :: atomic { letter_ticket[w] = t_; letter_number_0[w] = number[w] };
     atomic { letter_cell[w] = c_; letter_number_3[w] = number[w] }
  :: atomic { letter_cell[w] = c_; letter_number_3[w] = number[w] };
     atomic { letter_ticket[w] = t_; letter_number_0[w] = number[w] }
  fi;
#if ERROR == 23
  if
  :: was_asleep -> sleeps[w] = 0
  :: !was_asleep
  fi;
#else
  if
  :: is_asleep[w] -> sleeps[w] = 0
  :: !is_asleep[w]
  fi;
#endif
#if ERROR == 27
  answer[w] == number[w];
#endif
  w = 0
}

/* The slot of ticket t, which is there. */
inline take_slot() {
  atomic {
    note_taken(t);
    c = last_cell[PLACE(t)];
#if ERROR != 7
    life[c] = t + 1;
#endif
    if
    :: kind[t] == INLINE -> complete(t, c, TAKEN)
    :: kind[t] == RUN ->
      last_user = t + 1;
      if
      :: QUEUE_IS_EMPTY && SOME_IS_FREE -> gives = 1
      :: else -> entry[c] = t; queue[PLACE(tail)] = c; tail++
      fi
    :: kind[t] == FENCE ->
      if
      :: last_user == 0 -> assert_fenced(t); complete(t, c, TAKEN)
      :: last_user != 0 && fences -> complete(t, c, TAKEN) /* a FAULT: too many are open */
      :: else -> fences = 1; fence_ticket = t; fence_own_cell = c; fence_cell = 0; last_user = t + 1
      fi
    :: kind[t] == SHUTDOWN ->
      if
      :: stop == RUNNING -> stop = FINISH
      :: else
      fi;
#if ERROR != 11
      is_open = 0;
#endif
      complete(t, c, TAKEN)
    fi
  }
  if
  :: gives -> send_letter(t, c); gives = 0
  :: !gives
  fi;
  atomic { t++; c = 0; worked = 1 }
  taken = t
}

/* After SHUTDOWN it does not sleep; a round begins when there is something to do. Else one that spins would hide that all
 * wait for each other. */
#define SPINS (stop == FINISH && !park && !(is_open && IS_PUBLISHED(t)) && !HAS_ANSWERED(0) && !HAS_ANSWERED(1) && \
               (QUEUE_IS_EMPTY || !SOME_IS_FREE) && (!fences || FENCE_WAITS) && \
               !CAN_FINISH)

/* After SHUTDOWN: nothing is queued, every worker is free, no fence is open. */
#if ERROR == 26
#define CAN_FINISH (!is_open && QUEUE_IS_EMPTY && !fences)
#else
#define CAN_FINISH (!is_open && QUEUE_IS_EMPTY && ALL_ARE_FREE && !fences)
#endif

/* The last look before it sleeps. */
#if ERROR == 25
#define NOBODY_HAS_ANSWERED true
#else
#define NOBODY_HAS_ANSWERED (!HAS_ANSWERED(0) && !HAS_ANSWERED(1))
#endif

proctype dispatcher() {
  byte t, c, w, head, tail, number[2];
  bit is_free[2], is_open, fences, worked, saw, gives;
#if ERROR == 23
  bit was_asleep;
#endif
launched:
  atomic {
#if ERROR != 28
    head = saved_head;
#else
    head = saved_tail;
#endif
    tail = saved_tail;
    t = saved_ticket;
    fences = open_fences;
    is_open = (stop == RUNNING)
  }
  /* The letters that a launch before this one left: their workers are free when they have answered. */
  atomic {
    number[0] = letter_number_3[0];
    number[1] = letter_number_3[1];
#if ERROR == 29
    is_free[0] = 1
#else
    is_free[0] = 0;
    is_free[1] = 0
#endif
  }
  do
  :: atomic { stop == NOW || park -> break }
  :: atomic { stop != NOW && !park && !SPINS -> worked = 0; saw = is_open && IS_PUBLISHED(t) };
     atomic {
       if
#if ERROR == 21
       :: answer[0] + 1 >= number[0] && !is_free[0] -> is_free[0] = 1
#else
       :: HAS_ANSWERED(0) -> is_free[0] = 1
#endif
       :: else
       fi;
       if
       :: HAS_ANSWERED(1) -> is_free[1] = 1
       :: else
       fi
     }
     if
     :: saw -> take_slot()
     :: !saw
     fi;
     do
     :: !QUEUE_IS_EMPTY && SOME_IS_FREE ->
        atomic { c = queue[PLACE(head)]; head++; queue[PLACE(head - 1)] = 0 }
        send_letter(entry[c], c);
        c = 0
     :: QUEUE_IS_EMPTY || !SOME_IS_FREE -> break
     od;
     /* A cell that does not hold it up never will: it goes on as far as it can in one step. */
     atomic {
       do
       :: fences && FENCE_WAITS -> break
       :: fences && !FENCE_WAITS && fence_cell < CELLS -> fence_cell++
       :: fences && !FENCE_WAITS && fence_cell == CELLS ->
          assert_fenced(fence_ticket);
          complete(fence_ticket, fence_own_cell, TAKEN);
          fences = 0
       :: !fences -> break
       od
     }
     if
     :: CAN_FINISH -> stop = NOW; break
     :: else
     fi;
     if
     :: !worked && stop == RUNNING ->
        announce_sleep(0);
        if
        :: last_tag[PLACE(t)] != LAP(t) && stop == RUNNING && NOBODY_HAS_ANSWERED ->
           sleep_on_event(0, stop == FINISH || park) /* to both it relies on the end of its sleep */
        :: else -> atomic { sleeper[0] = AWAKE; sleepers-- }
        fi
     :: else
     fi
  od;
  /* Leaves: so do the workers. */
  atomic { sleeps[0] = 0; sleeps[1] = 0 }
  atomic {
    saved_head = head; saved_tail = tail; saved_ticket = t; open_fences = fences;
    head = 0; tail = 0; fences = 0; number[0] = 0; number[1] = 0; is_free[0] = 0; is_free[1] = 0; is_open = 0;
    worked = 0; saw = 0; t = 0; c = launch;
    left++
  }
  if
  :: atomic { launch != c -> c = 0; goto launched }
  :: is_over
  fi
}

/* ---- a worker ---- */

/* What is there of a letter stays until it is answered: all quarters are looked at in one step. */
#if ERROR == 20
#define HAS_LETTER (letter_number_3[me] == n)
#else
#define HAS_LETTER (letter_number_0[me] == n && letter_number_3[me] == n)
#endif

proctype worker(byte me) {
  byte n, t, c;
launched:
  n = answer[me] + 1;
  do
  :: atomic {
       HAS_LETTER ->
       t = letter_ticket[me];
       c = letter_cell[me];
       note_begun(t);
       assert(cell_ticket[c] == t + 1)
     }
     MAY_RETURN(t);
     complete(t, c, BEGUN);
#if ERROR == 22
     look_for_sleepers();
     answer[me] = n;
#else
     answer[me] = n;
     look_for_sleepers();
#endif
     atomic { n++; t = 0; c = 0 }
  :: atomic { !HAS_LETTER && (stop == NOW || park) -> break }
  :: atomic { !HAS_LETTER && stop != NOW && !park -> is_asleep[me] = 1 };
     if
     :: letter_number_3[me] == n - 1 && stop != NOW && !park ->
        /* A futex: falls asleep only on the number it has seen. To STOP and PARK it relies on the end of the sleep. */
        if
        :: atomic { letter_number_3[me] == n - 1 -> sleeps[me] = 1 };
           atomic { !sleeps[me] || stop == NOW || park -> sleeps[me] = 0 }
        :: letter_number_3[me] != n - 1
        fi
     :: else
     fi;
     is_asleep[me] = 0
  od;
  atomic { n = launch; left++ }
  if
  :: atomic { launch != n -> goto launched }
  :: is_over
  fi
}

init {
  atomic {
    run producer(SLOTS_0);
#if SLOTS_1
    run producer(SLOTS_1);
#endif
    run dispatcher();
    run worker(0);
#if WORKERS == 2
    run worker(1);
#endif
    run host()
  }
}
