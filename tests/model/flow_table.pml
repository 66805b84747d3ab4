/* flow_table.pml - the flow table's protocol as a model that spin explores completely.
 *
 * Two writers install the same pair of keys, each in slots of its own (writer i claims forward entry i and reverse entry i). An
 * expirer deletes idle pairs, and makes a pair live again that has seen a packet meanwhile. A reader uses the reverse entry that
 * it finds. An entry is its state and its version. A reverse entry's link is the version of its forward entry at the time of
 * installation; the slots of a pair are fixed here, so the link has no slot number.
 *
 * Checked   never two live forward entries; no reverse entry is used whose pair was never live, nor one of another version. When
 *           all have finished, no entry is in a transitional state, no entry is without the other one of its pair, and
 *           there is at most one pair.
 * Excluded  memory order: spin is sequentially consistent. The protocol's one Dekker pattern (publish pending, then
 *           search) has a locked exchange in between.
 * Faults    -DNO_DUPLICATES, -DNO_FORWARD_CHECK, -DNO_RECHECK, -DBLIND_RETURN (a dying pair becomes live again without a
 *           search) each make the model fail.
 */
#define EMPTY 0
#define CLAIMED 1
#define PENDING 2
#define DYING 3
#define HALF_OPEN 4
#define ASSURED 5
#define LIVE(state) ((state) >= HALF_OPEN)

#define WRITERS 2

byte forward[WRITERS], forward_version[WRITERS];
byte reverse[WRITERS], reverse_version[WRITERS];
byte reverse_link[WRITERS];  /* version of the forward entry that this reverse entry belongs to */
byte ever_live[WRITERS];   /* version + 1 under which the pair was last live */
byte content[WRITERS];     /* of a reverse entry: the version under which it was written */
byte finished;

inline went_live(i)
{
	ever_live[i] = forward_version[i] + 1;
	assert(!(LIVE(forward[0]) && LIVE(forward[1])));
}

inline release(i)
{
	d_step { reverse[i] = EMPTY; reverse_version[i] = reverse_version[i] + 1; }
	d_step { forward[i] = EMPTY; forward_version[i] = forward_version[i] + 1; }
}

/* Waits for a pending pair that has precedence: `lost` when it becomes live, or when the wait ends before that. */
inline await(j, version, lost)
{
	if
	:: lost = true
	:: d_step {
			forward[j] != PENDING || forward_version[j] != version;
			lost = forward_version[j] == version && LIVE(forward[j])
		}
	fi
}

/* Searches for a duplicate, the pair of the other writer: `lost` when it wins. The forward key leads to its forward entry. The
 * reverse key leads to its reverse entry, whose forward entry decides. */
inline duplicates(i, j, lost)
{
	lost = false;
#ifndef NO_DUPLICATES
	/* forward key: finds the forward entry */
	state = forward[j];
	version = forward_version[j];
	if
	:: LIVE(state) -> lost = true
	:: state == PENDING && j < i -> await(j, version, lost)
	:: state == PENDING && j > i ->
		d_step {
			if
			:: forward[j] == PENDING && forward_version[j] == version -> forward[j] = DYING
			:: forward_version[j] == version && LIVE(forward[j]) -> lost = true
			:: else
			fi
		}
	:: else
	fi;
	/* reverse key: finds the reverse entry; its forward entry decides */
	if
	:: !lost ->
		d_step { entry = reverse[j]; entry_link = reverse_link[j]; }
		if
		:: entry == HALF_OPEN || entry == ASSURED ->
			d_step { state = forward[j]; version = forward_version[j]; }
			if
			:: entry == ASSURED -> lost = true
			:: entry == HALF_OPEN && version == entry_link && LIVE(state) -> lost = true
			:: entry == HALF_OPEN && version == entry_link && state == PENDING && j < i ->
				await(j, version, lost)
			:: entry == HALF_OPEN && version == entry_link && state == PENDING && j > i ->
				d_step {
					if
					:: forward[j] == PENDING && forward_version[j] == version -> forward[j] = DYING
					:: forward_version[j] == version && LIVE(forward[j]) -> lost = true
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

/* Makes a pending pair live in the state `wanted`, or releases it when a duplicate wins. */
inline go_live(i, j, wanted, lost)
{
	duplicates(i, j, lost);
	if
	:: !lost ->
		d_step {
			if
			:: forward[i] == PENDING -> forward[i] = wanted; went_live(i)
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
		/* claim both slots; an occupied slot (the pair is live) ends the attempt */
		d_step {
			claimed = forward[i] == EMPTY && reverse[i] == EMPTY;
			if
			:: claimed -> forward[i] = CLAIMED; reverse[i] = CLAIMED
			:: else
			fi
		}
		if
		:: claimed ->
			reverse_link[i] = forward_version[i];
			content[i] = reverse_version[i];
			reverse[i] = HALF_OPEN;
			forward[i] = PENDING; /* locked exchange: before the search */
			go_live(i, j, HALF_OPEN, lost);
			/* the originator sends another packet at some time: the pair becomes assured */
			if
			:: !lost ->
				d_step { state = forward[i]; version = forward_version[i]; }
				if
				:: state == HALF_OPEN ->
					d_step {
						if
						:: forward[i] == HALF_OPEN && forward_version[i] == version ->
							forward[i] = ASSURED
						:: else -> lost = true
						fi
					}
					/* mirror, while the reverse entry still belongs to this pair */
					d_step {
						if
						:: !lost && reverse[i] == HALF_OPEN && reverse_link[i] == version &&
						   forward_version[i] == version -> reverse[i] = ASSURED
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

/* Deletes either pair at any time while it is live; sometimes finds that the pair is not idle any more. */
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
			former = forward[i];
			ours = LIVE(former);
			if
			:: ours -> forward[i] = DYING
			:: else
			fi
		}
		if
		:: ours -> /* still idle */
			release(i)
		:: ours -> /* not idle any more */
#ifdef BLIND_RETURN
			d_step { forward[i] = former; went_live(i) }
#else
			forward[i] = PENDING;
			go_live(i, j, former, lost)
#endif
		:: !ours
		fi;
		d_step { state = 0; version = 0; entry = 0; entry_link = 0; former = 0; lost = false; ours = false; i = 0; j = 0 }
	od;
	finished++
}

/* Finds a reverse entry by its key and uses a copy of its content. */
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
		d_step { state = reverse[i]; version = reverse_version[i]; }
		if
		:: LIVE(state) ->
			copy = content[i];
			link = reverse_link[i];
#ifndef NO_RECHECK
			d_step { usable = reverse_version[i] == version && LIVE(reverse[i]); state = reverse[i]; }
#else
			usable = true;
#endif
			if
			:: usable && state == HALF_OPEN ->
#ifndef NO_FORWARD_CHECK
				usable = forward_version[i] == link && LIVE(forward[i])
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
	assert(forward[0] == EMPTY || LIVE(forward[0]));
	assert(forward[1] == EMPTY || LIVE(forward[1]));
	assert((forward[0] == EMPTY) == (reverse[0] == EMPTY));
	assert((forward[1] == EMPTY) == (reverse[1] == EMPTY));
	assert(forward[0] == EMPTY || forward[1] == EMPTY)
}
