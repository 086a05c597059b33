package org.pushauthenticator.app.screens

import android.os.Bundle
import android.widget.ArrayAdapter
import android.widget.Button
import android.widget.CheckBox
import android.widget.EditText
import android.widget.Spinner
import android.widget.TextView
import org.pushauthenticator.CodeAlgorithm
import org.pushauthenticator.CodeMoving
import org.pushauthenticator.CodeSettings
import org.pushauthenticator.ManualEntry
import org.pushauthenticator.app.R

/** The form for entering an OTP account. The core validates it; the confirmation screen shows what it means. */
class EntryActivity : Screen() {
    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        fill(R.layout.entry)
        requireViewById<Spinner>(R.id.algorithm).adapter =
            ArrayAdapter(this, android.R.layout.simple_spinner_dropdown_item, listOf("SHA-1", "SHA-256", "SHA-512"))
        requireViewById<CheckBox>(R.id.counts).setOnCheckedChangeListener { _, counts ->
            requireViewById<TextView>(R.id.moving_label).setText(if (counts) R.string.entry_counter else R.string.entry_period)
            requireViewById<EditText>(R.id.moving).setText(if (counts) R.string.entry_counter_default else R.string.entry_period_default)
        }
        requireViewById<Button>(R.id.next).setOnClickListener { next() }
    }

    private fun next() {
        val entry = entry() ?: return problem(getString(R.string.entry_number_needed))
        problem(null)
        withCore({ problem(explain(it)) }) { core ->
            core.phone.call { previewEntry(entry) }
            startActivity(ConfirmActivity.intent(this, entry))
            finish()
        }
    }

    private fun problem(text: String?) = requireViewById<TextView>(R.id.problem).show(text)

    private fun entry(): ManualEntry? {
        val digits = text(R.id.digits).toUByteOrNull() ?: return null
        val moving = if (requireViewById<CheckBox>(R.id.counts).isChecked) {
            CodeMoving.Counter(text(R.id.moving).toULongOrNull() ?: return null)
        } else {
            CodeMoving.Time(text(R.id.moving).toUIntOrNull() ?: return null)
        }
        val algorithm = when (requireViewById<Spinner>(R.id.algorithm).selectedItemPosition) {
            1 -> CodeAlgorithm.SHA256
            2 -> CodeAlgorithm.SHA512
            else -> CodeAlgorithm.SHA1
        }
        return ManualEntry(text(R.id.issuer), text(R.id.name), text(R.id.secret), CodeSettings(algorithm, digits, moving))
    }

    private fun text(id: Int) = requireViewById<EditText>(id).text.toString().trim()
}
