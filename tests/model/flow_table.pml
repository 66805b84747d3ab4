/* flow_table.pml - the flow table's protocol, small enough to explore completely with spin.
 *
 * Two writers install the same pair of keys, each in slots of its own (writer i claims master i and slave i); one
 * deletes idle pairs and may change its mind; one reader uses whatever slave it finds. A slot is its state and its
 * version; a slave's link is its master's version at the time of installation (slots never change partners here, so the
 * partner's number is left out).
 *
 * Checked   never two live masters; no slave is used whose pair was never live, nor one of another version; when all
 *           have finished, nothing is left in transition, no half is alone, and there is at most one pair.
 * Not seen  memory order: spin is sequentially consistent. The protocol's one Dekker pattern (publish pending, then
 *           search) has a locked exchange in between.
 * Faults    -DNO_RIVALS, -DNO_MASTER_CHECK, -DNO_RECHECK, -DBLIND_RETURN (a dying pair comes back without a search)
 *           each make it fail.
 */
#define EMPTY 0
#define CLAIMED 1
#define PENDING 2
#define DYING 3
#define HALF_OPEN 4
#define ASSURED 5
#define LIVE(state) ((state) >= HALF_OPEN)

#define WRITERS 2

byte master[WRITERS], master_version[WRITERS];
byte slave[WRITERS], slave_version[WRITERS];
byte slave_link[WRITERS];  /* version of the master that this slave belongs to */
byte ever_live[WRITERS];   /* version + 1 under which the pair was last live */
byte content[WRITERS];     /* what a slave's entry says: the version it was written under */
byte finished;

inline went_live(i)
{
	ever_live[i] = master_version[i] + 1;
	assert(!(LIVE(master[0]) && LIVE(master[1])));
}

inline release(i)
{
	d_step { slave[i] = EMPTY; slave_version[i] = slave_version[i] + 1; }
	d_step { master[i] = EMPTY; master_version[i] = master_version[i] + 1; }
}

/* A pending pair that goes before ours: lost when it is live in the end, or when we wait no longer. */
inline await(j, version, lost)
{
	if
	:: lost = true
	:: d_step {
			master[j] != PENDING || master_version[j] != version;
			lost = master_version[j] == version && LIVE(master[j])
		}
	fi
}

/* Does the other writer's pair win? Looks at its slave, then at its master, as for the reverse key; and at its master
 * alone, as for the forward key. */
inline rivals(i, j, lost)
{
	lost = false;
#ifndef NO_RIVALS
	/* forward key: the entry is the master */
	state = master[j];
	version = master_version[j];
	if
	:: LIVE(state) -> lost = true
	:: state == PENDING && j < i -> await(j, version, lost)
	:: state == PENDING && j > i ->
		d_step {
			if
			:: master[j] == PENDING && master_version[j] == version -> master[j] = DYING
			:: master_version[j] == version && LIVE(master[j]) -> lost = true
			:: else
			fi
		}
	:: else
	fi;
	/* reverse key: the entry is the slave, its master decides */
	if
	:: !lost ->
		d_step { entry = slave[j]; entry_link = slave_link[j]; }
		if
		:: entry == HALF_OPEN || entry == ASSURED ->
			d_step { state = master[j]; version = master_version[j]; }
			if
			:: entry == ASSURED -> lost = true
			:: entry == HALF_OPEN && version == entry_link && LIVE(state) -> lost = true
			:: entry == HALF_OPEN && version == entry_link && state == PENDING && j < i ->
				await(j, version, lost)
			:: entry == HALF_OPEN && version == entry_link && state == PENDING && j > i ->
				d_step {
					if
					:: master[j] == PENDING && master_version[j] == version -> master[j] = DYING
					:: master_version[j] == version && LIVE(master[j]) -> lost = true
					:: else
					fi
				}
			:: else
			fi
		:: else
		fi
	:: else
	fi
#endif
}

/* From pending to `wanted`, or release. */
inline settle(i, j, wanted, lost)
{
	rivals(i, j, lost);
	if
	:: !lost ->
		d_step {
			if
			:: master[i] == PENDING -> master[i] = wanted; went_live(i)
			:: else -> lost = true
			fi
		}
	:: else
	fi;
	if
	:: lost -> release(i)
	:: else
	fi
}

proctype writer(byte i)
{
	byte state, version, entry, entry_link, tries;
	byte j = 1 - i;
	bool lost, claimed;

	do
	:: tries == 2 - i -> break
	:: tries < 2 - i -> /* writer 0 comes back once, so that versions are used again */
		tries++;
		/* claim both ways; a way that is taken (the pair lives) ends the attempt */
		d_step {
			claimed = master[i] == EMPTY && slave[i] == EMPTY;
			if
			:: claimed -> master[i] = CLAIMED; slave[i] = CLAIMED
			:: else
			fi
		}
		if
		:: claimed ->
			slave_link[i] = master_version[i];
			content[i] = slave_version[i];
			slave[i] = HALF_OPEN;
			master[i] = PENDING; /* locked exchange: before the search */
			settle(i, j, HALF_OPEN, lost);
			/* the originator proves itself at some time */
			if
			:: !lost ->
				d_step { state = master[i]; version = master_version[i]; }
				if
				:: state == HALF_OPEN ->
					d_step {
						if
						:: master[i] == HALF_OPEN && master_version[i] == version ->
							master[i] = ASSURED
						:: else -> lost = true
						fi
					}
					/* mirror, while the slave still belongs to this pair */
					d_step {
						if
						:: !lost && slave[i] == HALF_OPEN && slave_link[i] == version &&
						   master_version[i] == version -> slave[i] = ASSURED
						:: else
						fi
					}
				:: else
				fi
			:: true
			fi
		:: else
		fi;
		d_step { state = 0; version = 0; entry = 0; entry_link = 0; lost = false; claimed = false }
	od;
	finished++
}

/* Deletes live pairs, either one, at any time; sometimes finds that they are awake. */
proctype expirer()
{
	byte state, version, entry, entry_link, former, tries, i, j;
	bool lost, ours;

	do
	:: tries == 1 -> break
	:: tries < 1 ->
		tries++;
		if
		:: i = 0
		:: i = 1
		fi;
		j = 1 - i;
		d_step {
			former = master[i];
			ours = LIVE(former);
			if
			:: ours -> master[i] = DYING
			:: else
			fi
		}
		if
		:: ours -> /* still idle */
			release(i)
		:: ours -> /* awake after all */
#ifdef BLIND_RETURN
			d_step { master[i] = former; went_live(i) }
#else
			master[i] = PENDING;
			settle(i, j, former, lost)
#endif
		:: !ours
		fi;
		d_step { state = 0; version = 0; entry = 0; entry_link = 0; former = 0; lost = false; ours = false; i = 0; j = 0 }
	od;
	finished++
}

/* Finds a slave by its key and uses the copy it made. */
proctype reader()
{
	byte state, version, link, copy, i, tries;
	bool usable;

	do
	:: tries == 1 -> break
	:: tries < 1 ->
		tries++;
		if
		:: i = 0
		:: i = 1
		fi;
		d_step { state = slave[i]; version = slave_version[i]; }
		if
		:: LIVE(state) ->
			copy = content[i];
			link = slave_link[i];
#ifndef NO_RECHECK
			d_step { usable = slave_version[i] == version && LIVE(slave[i]); state = slave[i]; }
#else
			usable = true;
#endif
			if
			:: usable && state == HALF_OPEN ->
#ifndef NO_MASTER_CHECK
				usable = master_version[i] == link && LIVE(master[i])
#else
				usable = true
#endif
			:: else
			fi;
			if
			:: usable ->
				assert(copy == version);
				assert(ever_live[i] > link)
			:: else
			fi
		:: else
		fi;
		d_step { state = 0; version = 0; link = 0; copy = 0; i = 0; usable = false }
	od;
	finished++
}

init
{
	atomic {
		run writer(0);
		run writer(1);
		run expirer();
		run reader()
	}
	finished == 4;
	assert(master[0] == EMPTY || LIVE(master[0]));
	assert(master[1] == EMPTY || LIVE(master[1]));
	assert((master[0] == EMPTY) == (slave[0] == EMPTY));
	assert((master[1] == EMPTY) == (slave[1] == EMPTY));
	assert(master[0] == EMPTY || master[1] == EMPTY)
}
