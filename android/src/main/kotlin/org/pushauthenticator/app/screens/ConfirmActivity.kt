package org.pushauthenticator.app.screens

import android.content.Context
import android.content.Intent
import android.os.Build
import android.os.Bundle
import android.view.View
import android.widget.Button
import android.widget.TextView
import java.util.UUID
import kotlinx.coroutines.Deferred
import org.pushauthenticator.AuthenticatorException
import org.pushauthenticator.Device
import org.pushauthenticator.Enrolled
import org.pushauthenticator.Enrolment
import org.pushauthenticator.EnrolmentPreview
import org.pushauthenticator.KeyChoice
import org.pushauthenticator.ManualEntry
import org.pushauthenticator.Platform
import org.pushauthenticator.app.DeviceState
import org.pushauthenticator.app.R
import org.pushauthenticator.app.keys.AccountSigner
import org.pushauthenticator.app.keys.Used

/**
 * Shows what a registration URI would add, and adds it when the user confirms. Links from other apps and web pages end
 * here: opening one stores nothing and contacts nobody.
 */
class ConfirmActivity : Screen() {
    private val add get() = requireViewById<Button>(R.id.add)
    private val software get() = requireViewById<Button>(R.id.add_software)
    private val source get() = if (intent.hasExtra(OWN)) own?.source else Source.Code(intent.dataString.orEmpty())

    /** What this app read itself, only for the screen that was opened for it. */
    private val own get() = pending?.takeIf { it.name == intent.getStringExtra(OWN) }

    /** The result, and the text shown about it. */
    private var ended: Pair<Ending, String>? = null

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        fill(R.layout.confirm)
        requireViewById<Button>(R.id.cancel).setOnClickListener { finish() }
        val ending = state?.getString(ENDING)?.let { name -> Ending.entries.find { it.name == name } } ?: return
        show(ending, state.getString(TEXT).orEmpty())
    }

    /** A recreated screen, as after a theme change, shows the result and does not ask again. */
    override fun onSaveInstanceState(state: Bundle) {
        super.onSaveInstanceState(state)
        val (ending, text) = ended ?: return
        state.putString(ENDING, ending.name)
        state.putString(TEXT, text)
    }

    override fun onDestroy() {
        if (isFinishing && own != null) pending = null
        super.onDestroy()
    }

    override val watched get() = intent.getStringExtra(OWN) ?: intent.dataString.orEmpty()

    override fun begin() {
        if (ended != null || adding) return
        app.outgoing.registration(watched)?.let { return join(it) }
        val source = source ?: return refuse(getString(R.string.confirm_gone))
        withCore({ refuse(explain(it)) }) { core ->
            val preview = core.phone.call {
                when (source) {
                    is Source.Code -> preview(source.text)
                    is Source.Typed -> previewEntry(source.entry)
                }
            }
            // The account being added must not appear as a conflict with itself.
            if (ended != null || adding) return@withCore
            PreviewCard(this, requireViewById(R.id.preview), requireViewById(R.id.warnings)).show(preview)
            add.visibility = View.VISIBLE
            add.setText(if (preview.conflict == null) R.string.confirm_add else R.string.confirm_replace)
            add.setOnClickListener { enrol(source, preview) }
            software.setOnClickListener { enrol(source, preview, KeyChoice.Software) }
        }
    }

    /** The screen was recreated while its account was being added. */
    private fun join(registration: Deferred<Enrolled>) {
        busy(true)
        notice(getString(R.string.confirm_adding))
        withCore({ refused(it) }) { show(registration.await()) }
    }

    private fun refused(reason: AuthenticatorException) {
        app.outgoing.shown(watched)
        notice(null)
        busy(false)
        refuse(explain(reason))
    }

    private fun refuse(text: String) {
        requireViewById<TextView>(R.id.problem).show(text)
        requireViewById<View>(R.id.preview).visibility = View.GONE
        requireViewById<View>(R.id.warnings).visibility = View.GONE
        add.visibility = View.GONE
        software.visibility = View.GONE
    }

    private fun enrol(source: Source, preview: EnrolmentPreview, key: KeyChoice? = null) {
        if (adding) return
        busy(true)
        withCore({ refused(it) }) { core ->
            val device = Device("${Build.MANUFACTURER} ${Build.MODEL}", Platform.ANDROID, app.settings.pushToken, app.settings.communicationType)
            val state = DeviceState(app)
            val enrolment = Enrolment(device, state.facts(), replace = preview.conflict != null, key = key)
            val used = when (source) {
                is Source.Code -> AccountSigner(this, app).enrol(core, watched, source.text, preview, enrolment, state.hasBiometric)
                is Source.Typed -> Used.Done(app.outgoing.register(watched) { Enrolled.Ready(core.phone.call { enrolEntry(source.entry, enrolment) }) })
            }
            when (used) {
                is Used.Done -> show(used.result)
                is Used.Cancelled -> tryAgain(null)
                is Used.Failed -> tryAgain(used.text, used.takesSoftware)
                is Used.Invalidated -> tryAgain(getString(R.string.prompt_failed))
            }
        }
    }

    private fun tryAgain(text: String?, takesSoftware: Boolean = false) {
        notice(text)
        software.visibility = if (takesSoftware) View.VISIBLE else View.GONE
        busy(false)
    }

    private var adding = false

    private fun busy(now: Boolean) {
        adding = now
        add.isEnabled = !now
        software.isEnabled = !now
        // Leaving the screen does not stop what has started.
        requireViewById<Button>(R.id.cancel).setText(if (now) R.string.back else R.string.cancel)
    }

    private fun show(enrolled: Enrolled) {
        if (own != null) pending = null
        app.outgoing.shown(watched)
        show(Ending.of(enrolled), enrolled.summary(this))
    }

    private fun show(ending: Ending, text: String) {
        ended = ending to text
        notice(null)
        heading(getString(R.string.app_name))
        Result(this, fill(R.layout.result)).show(ending.icon, ending.tint, ending.title, text)
    }

    /** The ways in which adding an account can end. */
    private enum class Ending(val icon: Int, val tint: Int, val title: Int) {
        READY(R.drawable.good, R.color.good, R.string.enrolled_ready),
        QUEUED(R.drawable.unsure, R.color.accent, R.string.enrolled_queued),
        UNCONFIRMED(R.drawable.unsure, R.color.accent, R.string.enrolled_unconfirmed),
        REFUSED(R.drawable.bad, R.color.danger, R.string.enrolled_refused),
        REJECTED(R.drawable.bad, R.color.danger, R.string.enrolled_rejected);

        companion object {
            fun of(enrolled: Enrolled): Ending = entries.first { it.title == enrolled.title }
        }
    }

    /** What this app read itself, under a name that other apps do not know. */
    private class Own(val name: String, val source: Source)

    /** Where the account comes from. */
    private sealed interface Source {
        class Code(val text: String) : Source
        class Typed(val entry: ManualEntry) : Source
    }

    companion object {
        private const val OWN = "own"
        private const val ENDING = "ending"
        private const val TEXT = "text"

        /**
         * What this app read itself. It contains a secret, so it is not put into an intent, which the system may store.
         */
        private var pending: Own? = null

        /** Returns an intent for a scanned registration URI. */
        fun intent(context: Context, code: String): Intent = intent(context, Source.Code(code))

        /** Returns an intent for an account that the user entered. */
        fun intent(context: Context, entry: ManualEntry): Intent = intent(context, Source.Typed(entry))

        private fun intent(context: Context, source: Source): Intent {
            val own = Own(UUID.randomUUID().toString(), source)
            pending = own
            return Intent(context, ConfirmActivity::class.java).putExtra(OWN, own.name)
        }
    }
}
