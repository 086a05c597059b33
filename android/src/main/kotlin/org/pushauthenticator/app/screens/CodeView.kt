package org.pushauthenticator.app.screens

import android.view.View
import android.widget.ProgressBar
import android.widget.TextView
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.delay
import org.pushauthenticator.Code
import org.pushauthenticator.CodeValidity
import org.pushauthenticator.app.R

/**
 * An account's one-time password: hidden until tapped, shown with the time that is left, then hidden again. [of] names
 * the account for screen readers.
 */
class CodeView(private val row: View, private val of: String, private val counts: Boolean) {
    private val code: TextView = row.requireViewById(R.id.code)
    private val hint: TextView = row.requireViewById(R.id.hint)
    private val left: ProgressBar = row.requireViewById(R.id.left)
    private val place: View = row.requireViewById(R.id.code_row)
    private var showing = false

    init {
        place.visibility = View.VISIBLE
        hide()
    }

    fun onAsked(ask: (CodeView) -> Unit) = place.setOnClickListener {
        // Showing an HOTP value uses it up: one tap, one value.
        if (!showing || counts) ask(this)
    }

    /** Shows the one-time password that [make] returns and the one after it, and then hides it. */
    suspend fun run(make: suspend () -> Code) {
        if (showing && !counts) return
        showing = true
        try {
            repeat(PERIODS) {
                val made = make()
                code.text = spaced(made.code)
                // Read digit by digit, not as a number.
                code.contentDescription = code.context.getString(R.string.code_description, of, made.code.toList().joinToString(" "))
                when (val validity = made.validity) {
                    is CodeValidity.Timed -> countDown(validity)
                    is CodeValidity.Counted -> {
                        left.visibility = View.GONE
                        hint.text = hint.context.getString(R.string.code_counted)
                        return
                    }
                }
            }
        } finally {
            if (!counts) hide()
        }
    }

    private suspend fun countDown(validity: CodeValidity.Timed) {
        val period = validity.periodSeconds.toInt() * 1000
        var remaining = validity.remainingMilliseconds.toInt()
        left.visibility = View.VISIBLE
        left.max = period
        while (remaining > 0) {
            left.progress = remaining
            val seconds = (remaining + 999) / 1000
            hint.text = hint.resources.getQuantityString(R.plurals.code_left, seconds, seconds)
            val step = minOf(remaining, STEP)
            delay(step.milliseconds)
            remaining -= step
        }
    }

    private fun hide() {
        showing = false
        left.visibility = View.GONE
        code.text = code.context.getString(R.string.code_hidden)
        code.contentDescription = code.context.getString(R.string.code_hidden_description, of)
        hint.setText(if (counts) R.string.code_hint_counts else R.string.code_hint)
    }

    private fun spaced(digits: String) = digits.chunked((digits.length + 1) / 2).joinToString(" ")

    private companion object {
        const val PERIODS = 2

        /** In milliseconds. */
        const val STEP = 1000
    }
}
