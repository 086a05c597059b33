package org.pushauthenticator

import com.github.unidbg.Emulator
import com.github.unidbg.Module
import com.github.unidbg.arm.Arm64Svc
import com.github.unidbg.pointer.UnidbgPointer
import com.sun.jna.Callback
import com.sun.jna.Native
import com.sun.jna.Structure
import java.io.File
import java.lang.reflect.InvocationTargetException
import java.nio.ByteBuffer
import java.nio.ByteOrder
import unicorn.Arm64Const

/**
 * The library in one process, called through UniFFI's C interface with AArch64's calling convention: integers in
 * registers, a [RustBuffer] by the address of a copy, and a returned one at the address in x8. It takes one call at a
 * time; a running callback may call it too.
 */
internal class LibraryProcess(val bionic: Bionic, library: File) {
    private val module: Module = bionic.load(library)
    private val scratch: UnidbgPointer = bionic.memory.malloc(SCRATCH * DEEPEST, true).pointer

    /** How many calls and callbacks are running; each has its own part of the scratch memory. */
    private var depth = 0
    private var crash: Throwable? = null

    /** How many callbacks ran. */
    var callbacks = 0
        private set

    /** Calls a function of the bindings. Status and result are what JNA would return. */
    fun call(name: String, result: Class<*>, arguments: Array<out Any>): Any = nested {
        var status: UniffiRustCallStatus? = null
        var next = ARGUMENTS
        // Buffers are made before any argument is placed, because making one is a call too.
        val words = arguments.map { if (it is RustBuffer.ByValue) made(Border.bytes(it)) else it }.map { argument ->
            when (argument) {
                is Number -> argument.toLong()
                is ByteArray -> put(next, argument).also { next += PLACE }
                else -> put(STATUS, ByteArray(PLACE)).also { status = argument as UniffiRustCallStatus }
            }
        }
        val word = function(name, *words.toLongArray())
        val returned = place(RETURNED).getByteArray(0, BUFFER)
        val ended = place(STATUS).getByteArray(0, PLACE)
        status?.code = ended[0]
        val failed = status?.isSuccess() == false
        if (failed) status?.error_buf = lifted(ended.copyOfRange(8, PLACE))
        when (result) {
            RustBuffer.ByValue::class.java -> if (failed) RustBuffer.ByValue() else lifted(returned)
            Int::class.java, Int::class.javaObjectType -> word.toInt()
            Long::class.java, Long::class.javaObjectType -> word
            else -> Unit
        }
    }

    /** Passes a table of callbacks to the library. Each callback is an instruction that leaves the emulator. */
    fun register(name: String, table: Structure): Unit = nested {
        val kind = table.javaClass.superclass
        val stubs = kind.getAnnotation(Structure.FieldOrder::class.java).value.map { field ->
            val callback = kind.getDeclaredField(field).apply { isAccessible = true }.get(table)
            bionic.svcMemory.registerSvc(Stub(callback as Callback)).peer
        }
        val place = bionic.memory.malloc(stubs.size * Long.SIZE_BYTES, true).pointer
        stubs.forEachIndexed { at, stub -> place.setLong(at * 8L, stub) }
        function(name, place.peer)
    }

    /** Makes the library free a buffer, given as its three words. Returns the status, and the message of a panic. */
    fun freed(words: ByteArray): Pair<Byte, String> = nested {
        function("ffi_push_authenticator_rustbuffer_free", put(ARGUMENTS, words), put(STATUS, ByteArray(PLACE)))
        val ended = place(STATUS).getByteArray(0, PLACE)
        val message = if (ended[0] == UNIFFI_CALL_SUCCESS) null else lifted(ended.copyOfRange(8, PLACE))
        ended[0] to (message?.let { String(Border.bytes(it)) } ?: "")
    }

    /** Runs [work], and restores the registers afterwards. */
    private fun <T> nested(work: () -> T): T {
        crash?.let { throw IllegalStateException("The process has crashed.", it) }
        check(depth < DEEPEST) { "Callbacks and calls are nested too deeply." }
        val backend = bionic.backend
        val context = backend.context_alloc()
        backend.context_save(context)
        depth++
        try {
            if (depth == 1) backend.reg_write(Arm64Const.UC_ARM64_REG_SP, bionic.memory.stackPoint)
            return work()
        } finally {
            depth--
            backend.context_restore(context)
            backend.context_free(context)
        }
    }

    /**
     * Calls a function of the library. The emulator's own way of calling returns a crash as a result; this one throws.
     */
    private fun function(name: String, vararg arguments: Long): Long {
        val symbol = checkNotNull(module.findSymbolByName(name, false)) { "The library has no $name." }
        check(arguments.size <= REGISTERS) { "$name takes more than registers hold." }
        val backend = bionic.backend
        arguments.forEachIndexed { at, word -> backend.reg_write(Arm64Const.UC_ARM64_REG_X0 + at, word) }
        backend.reg_write(Arm64Const.UC_ARM64_REG_X8, place(RETURNED).peer)
        backend.reg_write(Arm64Const.UC_ARM64_REG_LR, bionic.returnAddress)
        try {
            backend.emu_start(symbol.address, bionic.returnAddress, 0, 0)
        } catch (stopped: RuntimeException) {
            crash = crash ?: stopped
        }
        crash?.let { throw IllegalStateException("$name crashed.", it) }
        return backend.reg_read(Arm64Const.UC_ARM64_REG_X0).toLong()
    }

    private fun at(address: Long): UnidbgPointer = UnidbgPointer.pointer(bionic, address)
    private fun place(offset: Int): UnidbgPointer = at(scratch.peer + (depth - 1) * SCRATCH + offset)
    private fun put(offset: Int, bytes: ByteArray): Long = place(offset).apply { write(0, bytes, 0, bytes.size) }.peer

    /** Makes a buffer with this content in the library's allocator, as the structure's three words. */
    private fun made(content: ByteArray): ByteArray {
        function("ffi_push_authenticator_rustbuffer_alloc", content.size.toLong(), put(STATUS, ByteArray(PLACE)))
        check(place(STATUS).getByte(0) == UNIFFI_CALL_SUCCESS) { "There is no buffer of ${content.size} bytes." }
        val words = place(RETURNED).getByteArray(0, BUFFER)
        if (content.isNotEmpty()) at(words(words)[2]).write(0, content, 0, content.size)
        return words
    }

    /** Takes over a buffer of the library for the bindings. */
    private fun lifted(words: ByteArray): RustBuffer.ByValue {
        val (_, length, place) = words(words)
        val content = if (length == 0L) ByteArray(0) else at(place).getByteArray(0, length.toInt())
        val (code, message) = freed(words)
        check(code == UNIFFI_CALL_SUCCESS) { message }
        return Border.buffer(content)
    }

    private fun words(bytes: ByteArray): List<Long> =
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).run { List(3) { long } }

    /** One callback. Exceptions that the bindings do not catch go to JNA's handler, as they do in JNA. */
    private inner class Stub(private val callback: Callback) : Arm64Svc() {
        private val method =
            callback.javaClass.declaredMethods.single { it.name == "callback" }.apply { isAccessible = true }

        override fun handle(emulator: Emulator<*>): Long = try {
            callbacks++
            val registers = Arm64Const.UC_ARM64_REG_X0 until Arm64Const.UC_ARM64_REG_X0 + method.parameterCount
            val words = registers.map { bionic.backend.reg_read(it).toLong() }
            nested { call(words) }
        } catch (thrown: InvocationTargetException) {
            Native.getCallbackExceptionHandler().uncaughtException(callback, thrown.targetException)
            0
        } catch (own: RuntimeException) {
            crash = crash ?: own
            bionic.backend.emu_stop()
            0
        }

        private fun call(words: List<Long>): Long {
            val written = mutableListOf<() -> Unit>()
            val given = words.zip(method.parameterTypes).map { (word, type) ->
                when (type) {
                    Long::class.java -> word
                    RustBuffer.ByValue::class.java -> lifted(at(word).getByteArray(0, BUFFER))
                    RustBuffer::class.java -> RustBuffer().also { out ->
                        written += { if (out.data != null) answer(word, out) }
                    }
                    UniffiRustCallStatus::class.java -> UniffiRustCallStatus().also { status ->
                        written += {
                            at(word).setByte(0, status.code)
                            if (!status.isSuccess()) answer(word + 8, status.error_buf)
                        }
                    }
                    else -> at(word)
                }
            }
            val result = method.invoke(callback, *given.toTypedArray())
            written.forEach { it() }
            return result as? Long ?: 0
        }

        private fun answer(place: Long, buffer: RustBuffer) = at(place).write(0, made(Border.bytes(buffer)), 0, BUFFER)
    }

    companion object {
        /** Size of a [RustBuffer]: capacity, length and address. */
        const val BUFFER = 24

        /** Size of a status: a byte, and a buffer. */
        private const val PLACE = 32
        private const val RETURNED = 0
        private const val STATUS = 64
        private const val ARGUMENTS = 128
        private const val SCRATCH = 512
        private const val DEEPEST = 16
        private const val REGISTERS = 8
    }
}
