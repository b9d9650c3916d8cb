/* When the camera exposes: which trigger or clock starts each exposure and which pack is before the lens then. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "simulator.h"

enum { TRIGGER_SOFTWARE, TRIGGER_LINE0, TRIGGER_ENCODER0 };

static int64_t clock_start_ns, clock_start_number; /* free run counts from here */
static int64_t software_ns[SOFTWARE_TRIGGERS_MAX]; /* times of the triggers not yet exposed, oldest first */
static int64_t software_first, software_count;    /* number of the oldest, how many wait */

static bool triggered(void) { return get_int(REG_TRIGGER_MODE) == 1; }

static int64_t frame_period_ns(void)
{
    if (get_int(REG_ACQUISITION_FRAME_RATE_ENABLE))
        return (int64_t)(1e9 / get_float(REG_ACQUISITION_FRAME_RATE));
    return (int64_t)fmax(200e3, get_float(REG_EXPOSURE_TIME) * 1e3); /* as fast as the sensor reads out */
}

/* Counts of the encoder between two exposures. */
static int64_t counts_per_exposure(void) { return get_int(REG_ENCODER_DIVIDER) * get_int(REG_TRIGGER_DIVIDER); }

/* Exposures that no belt numbers, free running ones and those by software, go on from this number and this moment. */
void schedule_restart(int64_t at_ns, int64_t number)
{
    clock_start_ns = at_ns;
    clock_start_number = software_first = number;
    software_count = 0;
}

bool trigger_software(int64_t at_ns)
{
    if (!triggered() || get_int(REG_TRIGGER_SOURCE) != TRIGGER_SOFTWARE)
        return true; /* ignored, as a camera does */
    if (software_count == SOFTWARE_TRIGGERS_MAX)
        return false;
    software_ns[(software_first + software_count++) % SOFTWARE_TRIGGERS_MAX] = at_ns;
    return true;
}

/* The time of the trigger's edge for a pack: the light barrier rises when the pack arrives and falls when it has passed. */
static int64_t edge_time_ns(int64_t pack)
{
    int64_t covered = get_int(REG_TRIGGER_ACTIVATION) == 1 ? (int64_t)(0.4e9 / config.rate_hz) : 0;
    return pack_time_ns(pack) + covered;
}

Exposure next_exposure(int64_t number)
{
    Exposure e = {number, number, INT64_MAX};
    int64_t delay = (int64_t)(get_float(REG_TRIGGER_DELAY) * 1000), counts, divider;
    if (!triggered()) {
        e.time_ns = clock_start_ns + (number - clock_start_number) * frame_period_ns();
        return e;
    }
    switch (get_int(REG_TRIGGER_SOURCE)) {
    case TRIGGER_LINE0:
        divider = get_int(REG_TRIGGER_DIVIDER);
        e.pack = (number + 1) * divider - 1;
        if (e.pack < pack_limit())
            e.time_ns = edge_time_ns(e.pack) + delay;
        break;
    case TRIGGER_ENCODER0:
        counts = (number + 1) * counts_per_exposure();
        e.pack = counts / config.encoder_counts_per_pack - 1;
        e.time_ns = get_int(REG_ENCODER_SOURCE_A) ? encoder_count_time_ns(counts) : INT64_MAX;
        if (e.time_ns != INT64_MAX)
            e.time_ns += delay;
        break;
    default:
        if (number >= software_first && number < software_first + software_count)
            e.time_ns = software_ns[number % SOFTWARE_TRIGGERS_MAX] + delay;
        break;
    }
    if (e.pack < 0)
        e.pack = 0;
    /* A trigger that has been exposed leaves the queue when the next one is asked for. */
    while (software_count && software_first < number) {
        software_first++;
        software_count--;
    }
    return e;
}

/* The number of the first exposure at or after a moment. */
int64_t first_number(int64_t at_ns)
{
    if (!triggered() || get_int(REG_TRIGGER_SOURCE) == TRIGGER_SOFTWARE)
        return clock_start_number;
    int64_t number = get_int(REG_TRIGGER_SOURCE) == TRIGGER_LINE0 ? packs_passed(at_ns) / get_int(REG_TRIGGER_DIVIDER)
                                                                 : encoder_counts(at_ns) / counts_per_exposure();
    number = number > 2 ? number - 2 : 0; /* a delay may put an earlier pack's exposure after this moment */
    while (next_exposure(number).time_ns < at_ns)
        number++;
    return number;
}
