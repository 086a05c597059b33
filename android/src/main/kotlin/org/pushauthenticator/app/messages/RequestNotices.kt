package org.pushauthenticator.app.messages

import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.content.Context
import android.content.Intent
import android.graphics.drawable.Icon
import android.os.Build
import org.pushauthenticator.Account
import org.pushauthenticator.Answer
import org.pushauthenticator.Ask
import org.pushauthenticator.Enrolled
import org.pushauthenticator.app.service
import org.pushauthenticator.app.R
import org.pushauthenticator.app.Settings
import org.pushauthenticator.app.screens.AccountsActivity
import org.pushauthenticator.app.screens.RequestActivity
import org.pushauthenticator.app.screens.summary
import org.pushauthenticator.app.screens.title
import org.pushauthenticator.needsSignature
import org.pushauthenticator.Notification as SignOn

/** Sign-on requests in the system's notification area. Their details do not appear on the lock screen. */
class RequestNotices(private val context: Context, private val settings: Settings) {
    private val manager = context.service<NotificationManager>()

    /** The sign-on requests on display, and whether the app lock was on at the time. */
    private val shown = mutableMapOf<String, Pair<SignOn, Boolean>>()

    fun makeChannel() {
        val name = context.getString(R.string.channel_requests)
        val channel = NotificationChannel(CHANNEL, name, NotificationManager.IMPORTANCE_HIGH)
        channel.lockscreenVisibility = Notification.VISIBILITY_PRIVATE
        manager.createNotificationChannel(channel)
    }

    /** Whether the user allows this app's notifications. */
    val areShown: Boolean
        get() = manager.areNotificationsEnabled() && manager.getNotificationChannel(CHANNEL)?.importance != NotificationManager.IMPORTANCE_NONE

    /** Shows these sign-on requests, and removes all others. */
    @Synchronized
    fun follow(pending: List<SignOn>, accounts: List<Account>) {
        val ids = pending.map { it.id }
        manager.activeNotifications.filter { it.id == REQUEST && it.tag !in ids }.forEach { manager.cancel(it.tag, REQUEST) }
        shown.keys.retainAll(ids.toSet())
        val guarded = settings.appLock
        pending.filter { shown[it.id] != it to guarded }.forEach {
            manager.notify(it.id, REQUEST, notice(it, accounts.find { account -> account.id == it.accountId }, guarded))
            shown[it.id] = it to guarded
        }
    }

    /** Shows the result of an answer that was given without opening the app. */
    fun tell(id: String, answer: Answer) {
        val notice = builder(context.getString(answer.title)).setContentText(answer.summary(context))
            .setContentIntent(open(id)).setTimeoutAfter(RESULT_SHOWN).build()
        manager.notify(id, RESULT, notice)
    }

    /** Shows the result of adding an account after the user left the screen. */
    fun tell(enrolled: Enrolled) {
        val list = Intent(context, AccountsActivity::class.java).addFlags(Intent.FLAG_ACTIVITY_NEW_TASK)
        val text = enrolled.summary(context)
        val notice = builder(context.getString(enrolled.title)).setContentText(text).setStyle(Notification.BigTextStyle().bigText(text))
            .setContentIntent(PendingIntent.getActivity(context, 0, list, PendingIntent.FLAG_IMMUTABLE)).build()
        manager.notify(REGISTRATION, notice)
    }

    /** With [guarded], the user has to open the app before it approves anything or shows details of the sign-on. */
    private fun notice(request: SignOn, account: Account?, guarded: Boolean): Notification {
        val title = context.getString(R.string.notice_title, request.issuer)
        val text = request.message?.takeUnless { guarded } ?: request.account
        val builder = builder(title)
            .setContentText(text)
            .setStyle(Notification.BigTextStyle().bigText(text))
            .setPublicVersion(builder(context.getString(R.string.notice_public)).build())
            .setContentIntent(open(request.id))
            .setTimeoutAfter((request.expiresAt - System.currentTimeMillis()).coerceAtLeast(1))
        // Older systems would run an action while the phone is locked. An account's own key signs on the screen, where
        // it can prompt.
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S && account?.needsSignature != true) {
            if (request.ask == Ask.Tap && !guarded) builder.addAction(action(request.id, R.string.approve, AnswerReceiver.APPROVE))
            builder.addAction(action(request.id, R.string.deny, AnswerReceiver.DENY))
        }
        return builder.build()
    }

    private fun builder(title: String) = Notification.Builder(context, CHANNEL)
        .setSmallIcon(R.drawable.notification)
        .setColor(context.getColor(R.color.accent))
        .setContentTitle(title)
        .setVisibility(Notification.VISIBILITY_PRIVATE)
        .setCategory(Notification.CATEGORY_MESSAGE)
        .setOnlyAlertOnce(true)
        .setAutoCancel(true)
        .setLocalOnly(true)

    private fun action(id: String, label: Int, verb: String): Notification.Action {
        val intent = AnswerReceiver.intent(context, verb, id)
        val pending = PendingIntent.getBroadcast(context, 0, intent, PendingIntent.FLAG_IMMUTABLE or PendingIntent.FLAG_UPDATE_CURRENT)
        val action = Notification.Action.Builder(Icon.createWithResource(context, R.drawable.notification), context.getString(label), pending)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) action.setAuthenticationRequired(true)
        return action.build()
    }

    private fun open(id: String): PendingIntent {
        val intent = RequestActivity.intent(context, id).addFlags(Intent.FLAG_ACTIVITY_NEW_TASK)
        return PendingIntent.getActivity(context, 0, intent, PendingIntent.FLAG_IMMUTABLE or PendingIntent.FLAG_UPDATE_CURRENT)
    }

    companion object {
        const val CHANNEL = "requests"
        const val REQUEST = 1
        const val RESULT = 2
        const val REGISTRATION = 3

        /** In milliseconds. */
        private const val RESULT_SHOWN = 15_000L
    }
}
