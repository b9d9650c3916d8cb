/* Input and output lines, the timer, the counters, and the log of the edges of the output lines.
 *
 * Nothing hangs on the outputs, so an edge is known when its cause is: a timer's edges are logged when it starts, with their
 * own times. One row per edge: monotonic ns, line, level.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "simulator.h"

enum { SOURCE_OFF, SOURCE_USER0, SOURCE_USER1, SOURCE_EXPOSURE, SOURCE_TIMER };

static bool level[LINES];
static int64_t counter_zero[2], exposures, exposure_start_ns, exposure_end_ns, timer_start_ns, timer_end_ns;

static bool is_output(int line) { return get_int(REG_LINE_MODE + 8 * (uint32_t)line) == 1; }
static int64_t source_of(int line) { return get_int(REG_LINE_SOURCE + 8 * (uint32_t)line); }
static bool inverted(int line) { return get_int(REG_LINE_INVERTER + 8 * (uint32_t)line) != 0; }

static void log_edge(int64_t at_ns, int line, bool high)
{
    char text[64];
    int length = snprintf(text, sizeof text, "%lld,Line%d,%d\n", (long long)at_ns, line, high);
    int fd = open(config.edges_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        return;
    (void)!write(fd, text, (size_t)length);
    close(fd);
}

static bool level_of(int line, int64_t at_ns)
{
    bool high = false;
    switch (source_of(line)) {
    case SOURCE_USER0: high = get_int(REG_USER_OUTPUT_VALUE) != 0; break;
    case SOURCE_USER1: high = get_int(REG_USER_OUTPUT_VALUE + 8) != 0; break;
    case SOURCE_EXPOSURE: high = exposure_start_ns <= at_ns && at_ns < exposure_end_ns; break;
    case SOURCE_TIMER: high = timer_start_ns <= at_ns && at_ns < timer_end_ns; break;
    default: break;
    }
    return high != inverted(line);
}

/* A user output, a line's source or its inverter was written. */
void lines_changed(int64_t at_ns)
{
    for (int line = 0; line < LINES; line++) {
        bool high = is_output(line) && level_of(line, at_ns);
        if (is_output(line) && high != level[line])
            log_edge(at_ns, line, high);
        level[line] = high;
    }
}

static void log_pulse(int64_t source, int64_t start_ns, int64_t end_ns)
{
    for (int line = 0; line < LINES; line++)
        if (is_output(line) && source_of(line) == source) {
            log_edge(start_ns, line, !inverted(line));
            log_edge(end_ns, line, inverted(line));
        }
}

void start_timer(int64_t at_ns)
{
    timer_start_ns = at_ns + (int64_t)(get_float(REG_TIMER_DELAY) * 1000);
    timer_end_ns = timer_start_ns + (int64_t)(get_float(REG_TIMER_DURATION) * 1000);
    log_pulse(SOURCE_TIMER, timer_start_ns, timer_end_ns);
}

void log_exposure(int64_t start_ns, int64_t end_ns)
{
    exposures++;
    exposure_start_ns = start_ns;
    exposure_end_ns = end_ns;
    log_pulse(SOURCE_EXPOSURE, start_ns, end_ns);
    if (get_int(REG_TIMER_TRIGGER_SOURCE) == 2)
        start_timer(start_ns);
}

/* Bit per line. The encoder's tracks are a quarter of a period apart. */
int64_t line_status_all(int64_t at_ns)
{
    int64_t counts = encoder_counts(at_ns), status = barrier_is_high(at_ns) != inverted(0);
    for (int line = 1; line < 3; line++)
        status |= (int64_t)level_of(line, at_ns) << line;
    status |= (int64_t)(((counts >> 1) & 1) != inverted(3)) << 3;
    status |= (int64_t)((((counts + 1) >> 1) & 1) != inverted(4)) << 4;
    return status;
}

static int64_t counted(int64_t counter, int64_t at_ns)
{
    switch (get_int(REG_COUNTER_EVENT_SOURCE + 8 * (uint32_t)counter)) {
    case 1: return packs_passed(at_ns);
    case 2: return exposures;
    case 3: return encoder_counts(at_ns);
    default: return counter_zero[counter];
    }
}

int64_t counter_value(int64_t counter, int64_t at_ns) { return counted(counter, at_ns) - counter_zero[counter]; }

void reset_counter(int64_t counter, int64_t at_ns) { counter_zero[counter] = counted(counter, at_ns); }
