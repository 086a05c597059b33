package org.pushauthenticator.app.screens

import android.content.Context
import android.content.Intent
import android.net.Uri
import android.os.Bundle
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.TextView
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.delay
import org.pushauthenticator.Answer
import org.pushauthenticator.Ask
import org.pushauthenticator.Evidence
import org.pushauthenticator.Notification
import org.pushauthenticator.NotificationState
import org.pushauthenticator.app.Core
import org.pushauthenticator.app.R
import org.pushauthenticator.app.keys.BiometricGate
import org.pushauthenticator.app.keys.Unwrapped
import org.pushauthenticator.app.messages.DeliveryJob

/** One sign-on request: who asks, from where, and the person's answer; then what came of it. */
class RequestActivity : Screen() {
    private val id get() = intent.data?.schemeSpecificPart.orEmpty()
    private var answering = false

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        content.visibility = View.INVISIBLE
    }

    override fun begin() {
        if (answering) return
        whileShown { core ->
            var request = core.phone.call { notification(id) }
            content.visibility = View.VISIBLE
            if (request.state != NotificationState.PENDING) return@whileShown settled(request)
            show(request)
            // The server's clock decides; the core knows how far it is off.
            while (request.state == NotificationState.PENDING) {
                remaining(request)
                delay(TICK)
                request = core.phone.call { notification(id) }
            }
            if (!answering) settled(request)
        }
    }

    private fun show(request: Notification) {
        fill(R.layout.request)
        requireViewById<TextView>(R.id.issuer).show(request.issuer)
        requireViewById<TextView>(R.id.account).show(request.account)
        requireViewById<TextView>(R.id.message).show(request.message)
        val list = requireViewById<ViewGroup>(R.id.context)
        list.field(R.string.host, request.host)
        request.context?.let { from ->
            list.field(R.string.request_address, from.remoteIp)
            list.field(R.string.request_browser, from.userAgent)
            list.field(R.string.request_platform, from.platform)
            from.location?.let { list.field(R.string.request_location, getString(R.string.request_degrees, it.latitude, it.longitude)) }
        }
        if (request.concealed) notice(getString(R.string.error_device_locked))
        ask(request)
        requireViewById<Button>(R.id.deny).setOnClickListener { deny() }
    }

    private fun ask(request: Notification) {
        val prompt = requireViewById<TextView>(R.id.prompt)
        val approve = requireViewById<Button>(R.id.approve)
        when (val ask = request.ask) {
            is Ask.Number -> {
                prompt.setText(R.string.request_number)
                val numbers = requireViewById<ViewGroup>(R.id.numbers)
                numbers.visibility = View.VISIBLE
                ask.numbers.forEach { number ->
                    (numbers.add(R.layout.number) as Button).run {
                        text = number
                        contentDescription = getString(R.string.request_number_description, number)
                        setOnClickListener { approve { Evidence.Number(number) } }
                    }
                }
            }
            Ask.Tap -> {
                prompt.setText(R.string.request_tap)
                approve.show(getString(R.string.approve))
                approve.setOnClickListener { approve { Evidence.Tap } }
            }
            Ask.Biometric -> {
                prompt.setText(R.string.request_biometric)
                approve.show(getString(R.string.approve_biometric))
                approve.setOnClickListener { approve { core -> touch(core, request) } }
            }
        }
    }

    /** Approves with what [evidence] gives; when it gives nothing, the person may try again. */
    private fun approve(evidence: suspend (Core) -> Evidence?) = answer { core -> evidence(core)?.let { core.courier.approve(id, it) } }

    private fun deny() = answer { core -> core.courier.deny(id) }

    private fun answer(work: suspend (Core) -> Answer?) {
        if (answering) return
        answering(true)
        withCore({ answering(false); notice(it) }) { core ->
            val answer = work(core)
            answering(false)
            if (answer != null) show(answer)
        }
    }

    private fun answering(now: Boolean) {
        answering = now
        for (button in listOf(R.id.approve, R.id.deny)) findViewById<View>(button)?.isEnabled = !now
        findViewById<ViewGroup>(R.id.numbers)?.run { for (index in 0 until childCount) getChildAt(index).isEnabled = !now }
    }

    private suspend fun touch(core: Core, request: Notification): Evidence? {
        val wrapped = core.phone.call { biometricChallenge(id) }
        val subtitle = getString(R.string.prompt_account, request.account, request.issuer)
        return when (val unwrapped = BiometricGate(this).unwrap(app.biometricKey, wrapped, subtitle)) {
            is Unwrapped.Slot -> Evidence.Biometric(unwrapped.bytes)
            is Unwrapped.Cancelled -> null
            is Unwrapped.Failed -> null.also { notice(unwrapped.text) }
            is Unwrapped.Invalidated -> null.also {
                invalidated(core)
                notice(getString(R.string.biometric_invalidated))
            }
        }
    }

    /** One key serves all accounts, so all of them lost it. */
    private suspend fun invalidated(core: Core) {
        core.phone.call { accounts().filter { it.hasBiometricSlot }.forEach { biometricInvalidated(it.id) } }
        app.biometricKey.forget()
    }

    private fun show(answer: Answer) {
        if (answer is Answer.Queued) DeliveryJob.soon(app)
        val (icon, tint) = when {
            answer is Answer.Settled && answer.state == NotificationState.APPROVED -> R.drawable.good to R.color.good
            answer is Answer.Settled -> R.drawable.bad to R.color.text_second
            answer is Answer.Queued || answer is Answer.OutcomeUnknown -> R.drawable.unsure to R.color.accent
            else -> R.drawable.bad to R.color.danger
        }
        end(icon, tint, answer.title, answer.summary(this))
    }

    private fun settled(request: Notification) =
        end(R.drawable.unsure, R.color.text_second, request.state.label, getString(R.string.request_settled_text))

    private fun end(icon: Int, tint: Int, title: Int, text: String) {
        answering = true
        notice(null)
        heading(getString(R.string.app_name))
        Result(this, fill(R.layout.result)).show(icon, tint, title, text)
    }

    private fun remaining(request: Notification) {
        val seconds = ((request.expiresAt - System.currentTimeMillis()) / 1000).coerceAtLeast(0).toInt()
        findViewById<TextView>(R.id.remaining)?.text = resources.getQuantityString(R.plurals.request_remaining, seconds, seconds)
    }

    companion object {
        private val TICK = 1000.milliseconds

        /** The data keeps intents of different requests apart. */
        fun intent(context: Context, id: String): Intent =
            Intent(Intent.ACTION_VIEW, Uri.fromParts("request", id, null), context, RequestActivity::class.java)
    }
}
