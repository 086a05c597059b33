package org.pushauthenticator

import com.github.unidbg.Emulator
import com.github.unidbg.Module
import com.github.unidbg.arm.Arm64Svc
import com.github.unidbg.pointer.UnidbgPointer
import com.sun.jna.Callback
import com.sun.jna.Memory
import com.sun.jna.Pointer
import com.sun.jna.Structure
import java.io.File
import unicorn.Arm64Const

/**
 * What the rewritten bindings call in place of JNA: the library's own functions, in the process that is running. Values cross by
 * UniFFI's C interface as AArch64 passes it: whole numbers in registers, a [RustBuffer] by the address of a copy, and one that is
 * returned at the address in x8. Buffers on the bindings' side lie in the JVM's memory, those on the library's side come from its own
 * allocator, and their content is copied.
 */
internal object Border {
    private val tables = LinkedHashMap<String, Structure>()
    private var process: LibraryProcess? = null

    /** Starts a process in which nothing has run yet, with the file system that is in [root]. */
    @Synchronized
    fun start(library: File, root: File) {
        check(process == null) { "A process is running." }
        process = LibraryProcess(Bionic(root), library).also { started -> tables.forEach(started::register) }
    }

    /** Ends the process as the system does that wants its memory: nothing of it is asked. */
    @Synchronized
    fun kill() {
        process?.bionic?.close()
        process = null
    }

    val running: LibraryProcess get() = checkNotNull(process) { "No process is running." }

    inline fun <reified R> call(name: String, vararg arguments: Any): R = called(name, R::class.java, arguments) as R

    @Synchronized
    fun called(name: String, result: Class<*>, arguments: Array<out Any>): Any = when {
        name == "ffi_push_authenticator_rustbuffer_alloc" -> buffer(ByteArray((arguments[0] as Long).toInt()))
        name == "ffi_push_authenticator_rustbuffer_free" -> Unit
        "_init_callback_vtable_" in name -> (arguments[0] as Structure).let { table ->
            tables[name] = table
            running.register(name, table)
        }
        else -> running.call(name, result, arguments)
    }

    /** A buffer of the bindings. The JVM's collector frees it. */
    fun buffer(bytes: ByteArray): RustBuffer.ByValue {
        val memory = Memory(bytes.size.coerceAtLeast(1).toLong()).apply { write(0, bytes, 0, bytes.size) }
        return RustBuffer.create(bytes.size.toULong(), bytes.size.toULong(), memory)
    }
}

/** The library in one process. */
internal class LibraryProcess(val bionic: Bionic, library: File) {
    private val module: Module = bionic.load(library)
    private val scratch: UnidbgPointer = bionic.memory.malloc(SCRATCH, true).pointer

    /** Buffers of the library's allocator, made in advance: while a callback runs, the library cannot be called. */
    private val ready = ArrayDeque<ByteArray>()

    /** Buffers that callbacks were given, to be freed once the call that led to them is over. */
    private val spent = mutableListOf<ByteArray>()

    /** How many callbacks ran. */
    var callbacks = 0
        private set

    private fun place(offset: Int, base: Long = scratch.peer): UnidbgPointer = UnidbgPointer.pointer(bionic, base + offset)

    /** Calls a function of the library by its name, with whole numbers; [returned] is where it puts a structure. */
    fun function(name: String, vararg arguments: Long, returned: UnidbgPointer = scratch): Long {
        bionic.backend.reg_write(Arm64Const.UC_ARM64_REG_X8, returned.peer)
        return module.callFunction(bionic, name, *arguments.toTypedArray()).toLong()
    }

    fun call(name: String, result: Class<*>, arguments: Array<out Any>): Any {
        while (ready.size < IN_ADVANCE) ready += allocated(ANSWER)
        var next = ARGUMENTS
        var status: Pair<UniffiRustCallStatus, UnidbgPointer>? = null
        // Buffers are made before any place is written: making one is a call, too.
        val lowered = arguments.map { if (it is RustBuffer.ByValue) lowered(it) else it }
        val words = lowered.map { argument ->
            when (argument) {
                is Long -> argument
                is Int -> argument.toLong()
                is Byte -> argument.toLong()
                else -> place(next).let { at ->
                    next += PLACE
                    if (argument is UniffiRustCallStatus) status = argument to at
                    at.write(0, argument as? ByteArray ?: ByteArray(PLACE), 0, (argument as? ByteArray)?.size ?: PLACE)
                    at.peer
                }
            }
        }
        val word = function(name, *words.toLongArray())
        val returned = if (result == RustBuffer.ByValue::class.java) scratch.getByteArray(0, BUFFER) else null
        val (code, error) = status?.second?.let { it.getByte(0) to it.getByteArray(8, BUFFER) } ?: (UNIFFI_CALL_SUCCESS to null)
        while (spent.isNotEmpty()) free(spent.removeFirst())
        status?.first?.code = code
        if (code != UNIFFI_CALL_SUCCESS && error != null) status?.first?.error_buf = lifted(error)
        return when {
            returned != null && code == UNIFFI_CALL_SUCCESS -> lifted(returned)
            returned != null -> RustBuffer.ByValue()
            result == Int::class.javaObjectType || result == Int::class.java -> word.toInt()
            result == Long::class.javaObjectType || result == Long::class.java -> word
            else -> Unit
        }
    }

    /** Hands a table of callbacks to the library: each an instruction that leads out of the emulator. */
    fun register(name: String, table: Structure) {
        val kind = table.javaClass.superclass
        val stubs = kind.getAnnotation(Structure.FieldOrder::class.java).value.map { field ->
            val callback = kind.getDeclaredField(field).apply { isAccessible = true }.get(table)
            bionic.svcMemory.registerSvc(Stub(callback as Callback)).peer
        }
        val place = bionic.memory.malloc(stubs.size * Long.SIZE_BYTES, true).pointer
        stubs.forEachIndexed { at, stub -> place.setLong(at * 8L, stub) }
        function(name, place.peer)
    }

    private inner class Stub(private val callback: Callback) : Arm64Svc() {
        private val method = callback.javaClass.declaredMethods.single { it.name == "callback" && !it.isBridge }.apply { isAccessible = true }

        override fun handle(emulator: Emulator<*>): Long {
            callbacks++
            val written = mutableListOf<() -> Unit>()
            val given = method.parameterTypes.mapIndexed { at, type ->
                val word = bionic.backend.reg_read(Arm64Const.UC_ARM64_REG_X0 + at).toLong()
                val place = UnidbgPointer.pointer(bionic, word)
                when (type) {
                    Long::class.java -> word
                    RustBuffer.ByValue::class.java -> place.getByteArray(0, BUFFER).let { spent += it; copied(it) }
                    RustBuffer::class.java -> RustBuffer().also { out -> written += { if (out.data != null) answer(place, out) } }
                    UniffiRustCallStatus::class.java -> UniffiRustCallStatus().also { status ->
                        written += {
                            place.setByte(0, status.code)
                            if (status.code != UNIFFI_CALL_SUCCESS) answer(place(8, word), status.error_buf)
                        }
                    }
                    else -> place
                }
            }
            val result = method.invoke(callback, *given.toTypedArray())
            written.forEach { it() }
            return result as? Long ?: 0
        }

        /** Fills a buffer that was made in advance, and gives it to the library. */
        private fun answer(place: UnidbgPointer, buffer: RustBuffer) {
            val bytes = bytes(buffer).let { it.copyOf(minOf(it.size, ANSWER)) }
            val made = ready.removeFirst()
            place.write(0, made, 0, BUFFER)
            place.setLong(8, bytes.size.toLong())
            place.getPointer(16).write(0, bytes, 0, bytes.size)
        }
    }

    /** A buffer of the library's allocator: the three words of the structure. */
    private fun allocated(size: Int): ByteArray {
        val status = place(STATUS).also { it.write(0, ByteArray(PLACE), 0, PLACE) }
        function("ffi_push_authenticator_rustbuffer_alloc", size.toLong(), status.peer)
        check(status.getByte(0) == UNIFFI_CALL_SUCCESS) { "The library gave no buffer of $size bytes." }
        return scratch.getByteArray(0, BUFFER)
    }

    private fun lowered(buffer: RustBuffer): ByteArray {
        val bytes = bytes(buffer)
        val made = allocated(bytes.size)
        scratch.write(0, made, 0, BUFFER)
        scratch.setLong(8, bytes.size.toLong())
        if (bytes.isNotEmpty()) scratch.getPointer(16).write(0, bytes, 0, bytes.size)
        return scratch.getByteArray(0, BUFFER)
    }

    private fun lifted(words: ByteArray): RustBuffer.ByValue = copied(words).also { free(words) }

    private fun copied(words: ByteArray): RustBuffer.ByValue {
        val (_, length, place) = words(words)
        return Border.buffer(if (length == 0L) ByteArray(0) else UnidbgPointer.pointer(bionic, place).getByteArray(0, length.toInt()))
    }

    private fun free(words: ByteArray) {
        val (code, message) = freed(words)
        check(code == UNIFFI_CALL_SUCCESS) { message }
    }

    /** Has the library free a buffer; the status of that, and the message of a panic. */
    fun freed(words: ByteArray): Pair<Byte, String> {
        val status = place(STATUS).also { it.write(0, ByteArray(PLACE), 0, PLACE) }
        val place = place(ARGUMENTS).also { it.write(0, words, 0, BUFFER) }
        function("ffi_push_authenticator_rustbuffer_free", place.peer, status.peer)
        val code = status.getByte(0)
        if (code == UNIFFI_CALL_SUCCESS) return code to ""
        return code to String(bytes(lifted(status.getByteArray(8, BUFFER))))
    }

    companion object {
        private const val SCRATCH = 4096
        private const val PLACE = 32
        private const val STATUS = 64
        private const val ARGUMENTS = 128
        private const val IN_ADVANCE = 8
        private const val ANSWER = 16 * 1024
        const val BUFFER = 24

        private fun words(bytes: ByteArray): List<Long> =
            java.nio.ByteBuffer.wrap(bytes).order(java.nio.ByteOrder.LITTLE_ENDIAN).run { List(3) { long } }

        private fun bytes(buffer: RustBuffer): ByteArray = buffer.data?.getByteArray(0, buffer.len.toInt()) ?: ByteArray(0)
    }
}
