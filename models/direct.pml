/* Topology direct: src/megakernel/loop_direct.c, loop_fences.c, vyre_loop_sleep of loop.c. */
#define LOOPS WORKERS
#include "host.pml"

bit lock;                 /* LOCK */
byte life[CELLS];         /* LIFE: ticket + 1 of the last slot of the cell */
byte queue[RING];         /* the run queue of one class */
byte head, tail;          /* QUEUE_HEAD, QUEUE_TAIL */
byte entry[CELLS];        /* of the slot table: the ticket */
bit open_fences;          /* OPEN_FENCES: one may be */
byte fence_ticket, fence_own_cell, fence_cell; /* its record: where it completes, how far it has looked */
byte last_user;           /* LAST_USER: ticket + 1 */

#define QUEUE_IS_EMPTY (head == tail)

/* What the dispatcher does with the slot of ticket t. Nobody else writes what is written here, and who reads it reads one
 * of it: one step. */
inline take_slot() {
  note_taken(t);
  c = last_cell[PLACE(t)];
#if ERROR != 7
  life[c] = t + 1;
#endif
  if
  :: kind[t] == INLINE -> complete(t, c, TAKEN)
  :: kind[t] == RUN -> entry[c] = t; last_user = t + 1; queue[PLACE(tail)] = c; tail++
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
    complete(t, c, TAKEN)
  fi;
  worked = 1;
  t++
}

/* The open fence looks at its next cell. */
inline look_at_cell() {
  if
  :: fence_cell < CELLS && life[fence_cell] != 0 && life[fence_cell] <= fence_ticket &&
       done_tag[fence_cell] != life[fence_cell] -> break
  :: fence_cell < CELLS && (life[fence_cell] == 0 || life[fence_cell] > fence_ticket ||
       done_tag[fence_cell] == life[fence_cell]) -> fence_cell++
  :: fence_cell == CELLS ->
    assert_fenced(fence_ticket);
    complete(fence_ticket, fence_own_cell, TAKEN);
    fences = 0;
    break
  fi
}

/* The handler of the slot whose number is STALLS does not return before everything that is published and not fenced has
 * completed: the dispatcher waits for no worker. */
#ifdef STALLS
#define MAY_RETURN(t_) (t_ != STALLS || others_are_done)
#define IS_DONE(u) (u >= next_ticket || u == STALLS || kind[u] == FENCE || kind[u] == SHUTDOWN || \
                    life_of[u] >= COMPLETED)
#define others_are_done (IS_DONE(0) && IS_DONE(1) && IS_DONE(2))
#else
#define MAY_RETURN(t_) true
#endif

/* Pops one cell and runs it. The entry is read before it is claimed: should the queue have gone round meanwhile, the
 * claim fails. */
inline run_one() {
  if
  :: atomic { !QUEUE_IS_EMPTY -> t = head; c = queue[PLACE(t)] }
#if ERROR == 9
     if
     :: atomic { true -> head = t + 1; t = entry[c]; worked = 1; owes = 1; note_begun(t) }
#else
     if
     :: atomic { head == t -> head = t + 1; t = entry[c]; worked = 1; owes = 1; note_begun(t) }
#endif
        MAY_RETURN(t);
        complete(t, c, BEGUN)
     :: atomic { head != t -> skip }
     fi;
     atomic { t = 0; c = 0 }
  :: QUEUE_IS_EMPTY
  fi
}

/* A round would find nothing to do but the lock, which another worker has: so it begins when something has changed. Else
 * a worker that spins would hide that all of them wait for each other. */
#define SPINS (lock != 0 && QUEUE_IS_EMPTY && stop == RUNNING && (owes && ERROR != 13 || IS_PUBLISHED(taken)))

proctype worker(byte me) {
  byte t, c; /* of the batch, then of what is run */
  bit worked, fences, owes, has_fence;
  byte seen_stop;
  do
  :: atomic { stop == NOW -> break }
  :: atomic { stop != NOW && !SPINS -> worked = 0; seen_stop = stop };

     /* The dispatcher's batch, of whoever gets the lock. */
     if
     :: atomic { lock == 0 -> lock = 1; fences = open_fences; owes = 0; t = taken }
#if ERROR == 11
        if
        :: seen_stop == RUNNING
#else
        if
        :: stop == RUNNING
#endif
           -> do
              :: atomic { IS_PUBLISHED(t) -> take_slot() }
                 if
                 :: kind[t - 1] == SHUTDOWN -> break
                 :: else
                 fi
              :: !IS_PUBLISHED(t) -> break
              od;
              taken = t
        :: else
        fi;
#if ERROR == 16
        run_one();
#endif
        do
        :: atomic { fences -> look_at_cell() }
        :: !fences -> break
        od;
        open_fences = fences;
        atomic { lock = 0; fences = 0; t = 0; c = 0 }
     :: atomic { lock != 0 -> skip }
     fi;

#if ERROR != 16
     run_one();
#endif
     if
     :: worked
     :: !worked && seen_stop != RUNNING ->
        /* Everything before the SHUTDOWN was pushed before STOP was set. An open fence waits for what others run. */
#if ERROR == 12
        if
        :: QUEUE_IS_EMPTY -> break
#else
        has_fence = open_fences;
        if
        :: QUEUE_IS_EMPTY && !has_fence -> break
#endif
        :: else
        fi
     :: !worked && seen_stop == RUNNING ->
#if ERROR != 13
        if
        :: owes /* it has run a slot, and a fence may not have looked since: it goes on until it gets the lock */
        :: !owes ->
#endif
#if ERROR != 15
           announce_sleep(me);
#endif
#if ERROR == 10
           sleep_on_event(me, stop == FINISH)
#else
           t = taken;
           if
           :: last_tag[PLACE(t)] != LAP(t) && QUEUE_IS_EMPTY && stop == RUNNING ->
#if ERROR == 15
              announce_sleep(me);
#endif
              sleep_on_event(me, stop == FINISH) /* a SHUTDOWN wakes nobody: their sleep is bounded */
           :: else ->
#if ERROR != 15
              atomic { sleeper[me] = AWAKE; sleepers-- }
#else
              skip
#endif
           fi;
           t = 0
#endif
#if ERROR != 13
        fi
#endif
     fi
  od;
  left++
}

init {
  atomic {
    run producer(SLOTS_0);
#if SLOTS_1
    run producer(SLOTS_1);
#endif
    run worker(0);
    run worker(1);
    run host()
  }
}
