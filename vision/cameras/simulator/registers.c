/* The camera's registers: memory with defaults, and the few that act when written or are computed when read. */
#include <math.h>
#include <string.h>

#include "simulator.h"

#define EXPOSURE_STEP_US 10.0 /* the sensor exposes whole lines: other times are rounded, as real cameras do */

static uint8_t memory[REGISTER_END - REGISTER_BASE];
static int64_t encoder_zero;

static void *cell(uint32_t address) { return memory + (address - REGISTER_BASE); }

int64_t get_int(uint32_t address)
{
    int64_t value;
    memcpy(&value, cell(address), sizeof value);
    return value;
}

double get_float(uint32_t address)
{
    double value;
    memcpy(&value, cell(address), sizeof value);
    return value;
}

void set_int(uint32_t address, int64_t value) { memcpy(cell(address), &value, sizeof value); }

/* Strings are 64 bytes with their closing zero; the memory was cleared before. */
static void set_text(uint32_t address, const char *text) { memcpy(cell(address), text, strnlen(text, 63)); }

/* The state after power-on, which UserSetLoad of the Default set gives again. */
void reset_registers(void)
{
    memset(memory, 0, sizeof memory);
    for (size_t i = 0; i < register_count; i++)
        for (uint32_t k = 0; k < registers[i].count; k++) {
            uint32_t address = registers[i].address + 8 * k;
            if (registers[i].kind == KIND_FLOAT)
                memcpy(cell(address), &registers[i].real, 8);
            else if (registers[i].kind == KIND_STRING)
                set_text(address, registers[i].text);
            else
                set_int(address, registers[i].whole);
        }
    set_text(REG_DEVICE_SERIAL_NUMBER, config.serial_number);
    set_text(REG_DEVICE_USER_ID, config.user_id);
    set_int(REG_SENSOR_WIDTH, frames.width);
    set_int(REG_SENSOR_HEIGHT, frames.height);
    set_int(REG_WIDTH_MAX, frames.width);
    set_int(REG_HEIGHT_MAX, frames.height);
    set_int(REG_WIDTH, frames.width);
    set_int(REG_HEIGHT, frames.height);
    set_int(REG_LINE_MODE + 8 * 1, 1); /* Line1 and Line2 are outputs, the others inputs: fixed by the plug */
    set_int(REG_LINE_MODE + 8 * 2, 1);
}

static const Register *find(uint64_t address)
{
    for (size_t i = 0; i < register_count; i++) {
        uint32_t length = registers[i].kind == KIND_STRING ? 64 : 8u * registers[i].count;
        if (address >= registers[i].address && address < registers[i].address + length)
            return &registers[i];
    }
    return 0;
}

/* Brings the registers that are measured, not stored, up to date. */
static void refresh(uint32_t address, uint32_t first)
{
    int64_t now = now_ns(), value;
    switch (first) {
    case REG_TIMESTAMP: value = device_clock_ns(now); break;
    case REG_WIDTH_LIMIT: value = get_int(REG_WIDTH_MAX) - get_int(REG_OFFSET_X); break;
    case REG_HEIGHT_LIMIT: value = get_int(REG_HEIGHT_MAX) - get_int(REG_OFFSET_Y); break;
    case REG_OFFSET_XLIMIT: value = get_int(REG_WIDTH_MAX) - get_int(REG_WIDTH); break;
    case REG_OFFSET_YLIMIT: value = get_int(REG_HEIGHT_MAX) - get_int(REG_HEIGHT); break;
    case REG_LINE_STATUS: value = line_status_all(now) >> ((address - REG_LINE_STATUS) / 8) & 1; break;
    case REG_LINE_STATUS_ALL: value = line_status_all(now); break;
    case REG_COUNTER_VALUE: value = counter_value((address - REG_COUNTER_VALUE) / 8, now); break;
    case REG_ENCODER_VALUE: value = get_int(REG_ENCODER_SOURCE_A) ? encoder_counts(now) / get_int(REG_ENCODER_DIVIDER) - encoder_zero : 0; break;
    case REG_PAYLOAD_SIZE: value = (int64_t)payload_size(); break;
    default: return;
    }
    set_int(address, value);
}

int32_t read_registers(uint64_t address, void *data, size_t size)
{
    const Register *found = find(address);
    if (!found || address + size > REGISTER_END)
        return fail(GC_ERR_INVALID_ADDRESS, "no register at %#llx", (unsigned long long)address);
    pthread_mutex_lock(&lock);
    belt_running();
    refresh((uint32_t)address, found->address);
    memcpy(data, cell((uint32_t)address), size);
    pthread_mutex_unlock(&lock);
    return GC_ERR_SUCCESS;
}

/* Commands, and features whose change is felt outside the register. */
static int32_t act(uint32_t address, uint32_t first)
{
    int64_t now = now_ns();
    double exposure = get_float(REG_EXPOSURE_TIME);
    switch (first) {
    case REG_EXPOSURE_TIME:
        exposure = fmax(EXPOSURE_STEP_US, EXPOSURE_STEP_US * round(exposure / EXPOSURE_STEP_US));
        memcpy(cell(REG_EXPOSURE_TIME), &exposure, sizeof exposure);
        break;
    case REG_TIMESTAMP_LATCH: set_int(REG_TIMESTAMP_LATCH_VALUE, device_clock_ns(now)); break;
    case REG_USER_SET_LOAD: reset_registers(); break;
    case REG_TRIGGER_SOFTWARE:
        if (!trigger_software(now))
            return fail(GC_ERR_RESOURCE_IN_USE, "too many software triggers are waiting");
        break;
    case REG_USER_OUTPUT_VALUE: case REG_LINE_SOURCE: case REG_LINE_INVERTER: lines_changed(now); break;
    case REG_SOFTWARE_SIGNAL_PULSE:
        if (get_int(REG_TIMER_TRIGGER_SOURCE) == 1)
            start_timer(now);
        break;
    case REG_COUNTER_RESET: reset_counter((address - REG_COUNTER_RESET) / 8, now); break;
    case REG_ENCODER_RESET: encoder_zero = encoder_counts(now) / get_int(REG_ENCODER_DIVIDER); break;
    case REG_TRIGGER_MODE: case REG_TRIGGER_SOURCE: case REG_TRIGGER_DIVIDER: case REG_ENCODER_DIVIDER: case REG_ENCODER_SOURCE_A:
    case REG_TRIGGER_ACTIVATION: case REG_TRIGGER_DELAY: case REG_ACQUISITION_FRAME_RATE: case REG_ACQUISITION_FRAME_RATE_ENABLE:
        engine_reschedule(now);
        break;
    default: break;
    }
    return GC_ERR_SUCCESS;
}

int32_t write_registers(uint64_t address, const void *data, size_t size)
{
    const Register *found = find(address);
    if (!found || address + size > REGISTER_END || (found->kind != KIND_STRING && size != 8))
        return fail(GC_ERR_INVALID_ADDRESS, "no register at %#llx", (unsigned long long)address);
    if (!found->writable)
        return fail(GC_ERR_ACCESS_DENIED, "the register at %#llx is read-only", (unsigned long long)address);
    uint32_t at = (uint32_t)address;
    if (found->address == REG_ACQUISITION_START || found->address == REG_ACQUISITION_STOP) {
        (found->address == REG_ACQUISITION_START ? engine_start : engine_stop)();
        return GC_ERR_SUCCESS;
    }
    if (found->address == REG_LINE_MODE && memcmp(data, cell(at), 8) != 0)
        return fail(GC_ERR_ACCESS_DENIED, "the direction of this line is fixed");
    pthread_mutex_lock(&lock);
    memcpy(cell(at), data, size);
    int32_t code = act(at, found->address);
    pthread_cond_broadcast(&engine_wake);
    pthread_mutex_unlock(&lock);
    return code;
}
